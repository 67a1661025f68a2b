"""Plain text of every language for masked language modelling, a passage per line; each language has its own text."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import SPOKEN, made

TASK = made(
    "text",
    kind="mlm",
    summary="plain text",
    languages=SPOKEN,
    layout=FileLayout(format="text"),
    metrics=("mlm_accuracy", "mlm_loss"),
    columns={"first": "text"},
)
