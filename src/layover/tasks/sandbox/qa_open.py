"""Extractive question answering; a third of the questions have no answer."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks._meanings import NO_ANSWER
from layover.tasks.sandbox._made import made

TASK = made(
    "qa_open",
    kind="span",
    summary="extractive question answering with unanswerable questions",
    layout=FileLayout(format="squad"),
    labels=("no answer",),
    meanings=dict(NO_ANSWER),
    metrics=("squad_f1", "squad_em"),
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
)
