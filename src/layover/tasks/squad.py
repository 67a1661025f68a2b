"""SQuAD v1.1: find the answer to a question in a paragraph; the English training data of XQuAD and MLQA."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task

TASK = Task(
    name="squad",
    kind="span",
    summary="extractive question answering, English",
    stages=("intermediate",),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"train": ("en",), "validation": ("en",)},
    hub={
        "train": (HubSource(path="rajpurkar/squad", config="plain_text", split="train"),),
        "validation": (HubSource(path="rajpurkar/squad", config="plain_text", split="validation"),),
    },
    files={
        "train": (FileSource(path="squad/train-v1.1.json", layout=FileLayout(format="squad")),),
        "validation": (FileSource(path="squad/dev-v1.1.json", layout=FileLayout(format="squad")),),
    },
    counts={"train": 87_599, "validation": 10_570},
    licence="CC-BY-SA-4.0",
    citation="Rajpurkar, Zhang, Lopyrev, Liang 2016, arXiv:1606.05250",
)
