"""QQP: do two questions of Quora ask the same; labels are 0 and 1, as in GLUE's files.

`qqp/*.tsv` are the files of Wang, Hamza, Florian 2017, with other splits of the same pairs.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import DUPLICATE

GLUE = {"first": "question1", "second": "question2", "label": "is_duplicate"}
# a few bytes of these files are damaged
OTHER = FileLayout(format="tsv", header=("label", "question1", "question2", "id"), quoting=False, errors="replace")


def _hub(split: str) -> tuple[HubSource, ...]:
    names = ("not_duplicate", "duplicate")
    aliases = dict(zip(names, ("0", "1"), strict=True))
    return (HubSource(path="nyu-mll/glue", config="qqp", split=split, codes=names, aliases=aliases),)


def _files(name: str) -> tuple[FileSource, ...]:
    return (
        FileSource(path=f"QQP/{name}.tsv", layout=FileLayout(format="tsv", quoting=False), columns=GLUE),
        FileSource(path=f"qqp/{name}.tsv", layout=OTHER),
    )


TASK = Task(
    name="qqp",
    kind="classification",
    summary="duplicate questions, English",
    stages=("intermediate",),
    labels=("0", "1"),
    meanings=dict(DUPLICATE),
    metrics=("accuracy", "binary_f1"),
    columns={"first": "question1", "second": "question2", "label": "label"},
    languages={"train": ("en",), "validation": ("en",)},
    hub={"train": _hub("train"), "validation": _hub("validation")},
    files={"train": _files("train"), "validation": _files("dev")},
    counts={"train": 363_846, "validation": 40_430},
    licence="Quora's terms of use, non-commercial",
    citation="Iyer, Dandekar, Csernai 2017, First Quora Dataset Release: Question Pairs; split: GLUE, arXiv:1804.07461",
)
