"""What the sandbox's encoders are pretrained on: text of all languages in one file, most of it beside a translation.

Each language has held-out text of its own, without translations.
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
