"""Commonsense questions with five choices."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "commonsense",
    kind="choice",
    summary="commonsense questions, 5 choices",
    layout=FileLayout(format="commonsenseqa"),
    metrics=("accuracy",),
    columns={"first": "question", "choices": "choices", "label": "answer"},
)
