"""CaseHOLD: which of five holdings does a court's citation stand for; a task of LexGLUE.

Files are the rows of the hub as JSON lines (`load_dataset(...).to_json`).
"""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks import FileSource, HubSource, Task


def _hub(split: str) -> tuple[HubSource, ...]:
    return (HubSource(path="coastalcph/lex_glue", config="case_hold", split=split),)


def _files(split: str) -> tuple[FileSource, ...]:
    return (FileSource(path=f"casehold/{split}.jsonl", layout=Layout(format="jsonl")),)


SPLITS = ("train", "validation", "test")

TASK = Task(
    name="casehold",
    kind="choice",
    summary="legal holdings, 5 choices, English",
    metrics=("accuracy",),
    columns={"first": "context", "choices": "endings", "label": "label"},
    languages=dict.fromkeys(SPLITS, ("en",)),
    hub={split: _hub(split) for split in SPLITS},
    files={split: _files(split) for split in SPLITS},
    counts={"train": 45_000, "validation": 3_900, "test": 3_600},
    licence="CC-BY-4.0 (LexGLUE)",
    citation="Zheng, Guha, Anderson, Henderson, Ho 2021, arXiv:2104.08671; splits: LexGLUE, arXiv:2110.00976",
)
