"""Sentences that translate each other, mined from two collections: retrieval without training, like BUCC."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.kinds.retrieval import PUBLISHED_MINING
from layover.tasks._sides import PAIRS
from layover.tasks.sandbox._made import TRANSLATED, made
from layover_sandbox.sets import ENGLISH

TASK = made(
    "mined",
    kind="retrieval",
    summary="mining of sentence pairs",
    stages=("target",),
    languages=TRANSLATED,
    layout=FileLayout(format="tsv", header=("id", "text"), quoting=False),
    other=ENGLISH,
    gold_layout=PAIRS,
    retrieval=PUBLISHED_MINING,
    metrics=("bucc_f1",),
    columns={"id": "id", "text": "text"},
)
