"""Parallel text for translation language modelling: passages in English beside those of a language."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks.sandbox._made import TRANSLATED, made

TASK = made(
    "parallel",
    kind="mlm",
    summary="parallel text",
    languages=TRANSLATED,
    layout=Layout(format="jsonl"),
    metrics=("mlm_accuracy", "mlm_loss"),
    columns={"first": "text", "second": "translation"},
)
