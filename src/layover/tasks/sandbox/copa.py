"""Cause or effect: which of two sentences? Little training data; the question stays English, as in XCOPA."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "copa",
    kind="choice",
    summary="cause or effect, 2 choices",
    layout=FileLayout(format="jsonl"),
    metrics=("accuracy",),
    columns={"first": "{premise} What was the {question}?", "choices": ("choice1", "choice2"), "label": "label"},
)
