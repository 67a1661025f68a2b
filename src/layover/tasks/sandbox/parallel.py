"""Parallel text for translation language modelling (Conneau and Lample 2019): English paired with another language.

The training text has all languages in one file, for one module for all languages.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made
from layover_sandbox.sets import ALL
from layover_sandbox.sets.parallel import OTHERS

TASK = made(
    "parallel",
    kind="mlm",
    summary="parallel text",
    languages={"train": (ALL,), "validation": (ALL, *OTHERS), "test": OTHERS},
    layout=FileLayout(format="jsonl"),
    metrics=("mlm_accuracy", "mlm_loss"),
    columns={"first": "text", "second": "translation"},
)
