"""Names of people, organisations and places; little training data."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks.panx import COLUMNS, LABELS
from layover.tasks.panx import TASK as PANX
from layover.tasks.sandbox._made import made

TASK = made(
    "ner",
    kind="tagging",
    summary="named entities",
    layout=Layout(format="conll", header=COLUMNS),
    labels=LABELS,
    meanings=PANX.meanings,
    metrics=("seqeval_f1",),
    columns={"tokens": "tokens", "tags": "ner_tags"},
)
