"""Cosmos QA: which of four answers to a question about a short story is plausible; the story does not state it.

The hub's main branch needs a loading script, so the task reads its automatic parquet copy.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="allenai/cosmos_qa", config="default", split=split, revision="refs/convert/parquet"),)


TASK = Task(
    name="cosmosqa",
    kind="choice",
    summary="commonsense reading comprehension, 4 answers, English",
    stages=("intermediate",),
    metrics=("accuracy",),
    columns={
        "first": "{context} {question}",
        "choices": ("answer0", "answer1", "answer2", "answer3"),
        "label": "label",
    },
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={
        "train": (FileSource(path="cosmosqa/train.csv", layout=FileLayout(format="csv")),),
        "validation": (FileSource(path="cosmosqa/valid.csv", layout=FileLayout(format="csv")),),
    },
    counts={"train": 25_262, "validation": 2_985},
    licence="CC-BY-4.0",
    citation="Huang, Le Bras, Bhagavatula, Choi 2019, arXiv:1909.00277",
)
