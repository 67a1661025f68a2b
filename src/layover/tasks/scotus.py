"""SCOTUS: the issue area of an opinion of the US Supreme Court, thousands of words long; a task of LexGLUE.

Labels are the numbers of the Supreme Court Database, 1 (criminal procedure) to 13 (private action). Files are the rows
of the hub as JSON lines (`load_dataset(...).to_json`).
"""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks import FileSource, HubSource, Task

LABELS = tuple(str(area) for area in range(1, 14))
SPLITS = ("train", "validation", "test")


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="coastalcph/lex_glue", config="scotus", split=split),)


def _files(split: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"scotus/{split}.jsonl", layout=Layout(format="jsonl"), codes=LABELS),)


TASK = Task(
    name="scotus",
    kind="classification",
    summary="issue areas of long court opinions, English",
    labels=LABELS,
    metrics=("accuracy", "macro_f1"),
    columns={"first": "text", "label": "label"},
    languages=dict.fromkeys(SPLITS, ("en",)),
    hub={split: _hub(split) for split in SPLITS},
    files={split: _files(split) for split in SPLITS},
    counts={"train": 5_000, "validation": 1_400, "test": 1_400},
    licence="CC-BY-4.0 (LexGLUE)",
    citation="Spaeth et al. 2020, Supreme Court Database; task: LexGLUE, Chalkidis et al. 2022, arXiv:2110.00976",
)
