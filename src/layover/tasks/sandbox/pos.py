"""Parts of speech; little training data."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks._meanings import UPOS as MEANINGS
from layover.tasks.sandbox._made import made
from layover.tasks.udpos import COLUMNS, UPOS

TASK = made(
    "pos",
    kind="tagging",
    summary="parts of speech",
    layout=Layout(format="conll", header=COLUMNS),
    labels=UPOS,
    meanings=dict(MEANINGS),
    metrics=("seqeval_f1", "token_accuracy"),
    columns={"tokens": "tokens", "tags": "pos_tags"},
)
