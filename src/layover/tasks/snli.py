"""SNLI: does the caption of a picture entail a sentence; a part of ANLI+.

Pairs without agreement of the annotators (label `-`, on the hub -1) are left out, as in the paper.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI

OFFICIAL = {"first": "sentence1", "second": "sentence2", "label": "gold_label"}


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="stanfordnlp/snli", config="plain_text", split=split),)


def _files(name: str) -> tuple[FileSource, ...]:
    return (
        FileSource(path=f"snli/snli_1.0_{name}.jsonl", layout=FileLayout(format="jsonl"), columns=OFFICIAL),
        FileSource(path=f"snli/{name}.csv", layout=FileLayout(format="csv")),
    )


TASK = Task(
    name="snli",
    kind="classification",
    summary="natural language inference on captions, English",
    stages=("intermediate",),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
    languages={"train": ("en",), "validation": ("en",), "test": ("en",)},
    only_gold=True,
    hub={split: _hub(split) for split in ("train", "validation", "test")},
    files={"train": _files("train"), "validation": _files("dev"), "test": _files("test")},
    counts={"train": 549_367, "validation": 9_842, "test": 9_824},
    licence="CC-BY-SA-4.0",
    citation="Bowman, Angeli, Potts, Manning 2015, arXiv:1508.05326",
)
