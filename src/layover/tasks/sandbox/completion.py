"""Sentence completion: which of four endings continues a short story?"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "completion",
    kind="choice",
    summary="sentence completion, 4 choices",
    layout=FileLayout(format="jsonl"),
    metrics=("accuracy",),
    columns={"first": "ctx", "choices": "endings", "label": "label"},
)
