"""Paraphrase: do two sentences with the same words have the same meaning? Little training data."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks._meanings import PARAPHRASE
from layover.tasks.sandbox._made import made

TASK = made(
    "paraphrase",
    kind="classification",
    summary="paraphrase with exchanged words",
    layout=FileLayout(format="tsv", header=("sentence1", "sentence2", "label")),
    labels=("0", "1"),
    meanings=dict(PARAPHRASE),
    metrics=("accuracy",),
    columns={"first": "sentence1", "second": "sentence2", "label": "label"},
)
