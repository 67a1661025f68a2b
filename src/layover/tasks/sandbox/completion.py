"""Sentence completion: how does a short story go on? Four endings."""

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
