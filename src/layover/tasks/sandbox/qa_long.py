"""Extractive question answering over documents of more than 1,000 tokens."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "qa_long",
    kind="span",
    summary="extractive question answering over long documents",
    layout=FileLayout(format="squad"),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
)
