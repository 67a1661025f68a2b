"""Pretraining data of the sandbox's encoders: text of all languages in one file, most of it with a translation.

Each language has its own held-out text, without translations.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import SPOKEN, made
from layover_sandbox.sets import ALL

TASK = made(
    "pretraining",
    kind="mlm",
    summary="text of all languages, most of it with translations",
    languages={**SPOKEN, "train": (ALL,)},
    layout=FileLayout(format="jsonl"),
    metrics=("mlm_accuracy", "mlm_loss"),
    columns={"first": "text", "second": "translation"},
)
