"""Extractive question answering about patients, germs and remedies."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "qa_biomedical",
    kind="span",
    summary="extractive question answering, biomedical",
    layout=FileLayout(format="squad"),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
)
