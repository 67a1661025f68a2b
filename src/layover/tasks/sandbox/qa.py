"""Extractive question answering; every question has an answer."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "qa",
    kind="span",
    summary="extractive question answering",
    layout=FileLayout(format="squad"),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
)
