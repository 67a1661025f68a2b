"""Aligned sentences and their English translations: retrieval without training, like Tatoeba."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import TRANSLATED, made
from layover_sandbox.sets import ENGLISH

TASK = made(
    "aligned",
    kind="retrieval",
    summary="translations among sentences",
    stages=("target",),
    languages=TRANSLATED,
    layout=FileLayout(format="lines"),
    other=ENGLISH,
    metrics=("retrieval_accuracy", "retrieval_accuracy_to_english"),
    columns={"text": "text"},
)
