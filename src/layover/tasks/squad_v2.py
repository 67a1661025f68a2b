"""SQuAD v2.0: like v1.1, but a third of the training questions have no answer in the paragraph.

A threshold decides whether a question counts as unanswered. It is fitted on the development data of the training
language, unless the recipe sets `no_answer`; the selection of weights uses the threshold 0.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NO_ANSWER


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="rajpurkar/squad_v2", config="squad_v2", split=split),)


def _files(name: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"squad/{name}-v2.0.json", layout=FileLayout(format="squad")),)


TASK = Task(
    name="squad_v2",
    kind="span",
    summary="extractive question answering with unanswerable questions, English",
    labels=("no answer",),
    meanings=dict(NO_ANSWER),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={"train": _files("train"), "validation": _files("dev")},
    counts={"train": 130_319, "validation": 11_873},
    licence="CC-BY-SA-4.0",
    citation="Rajpurkar, Jia, Liang 2018, arXiv:1806.03822",
)
