"""Topics of a short text: any number of ten, also none."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.sandbox.sets.topics import TOPICS
from layover.tasks.sandbox._made import made

TASK = made(
    "topics",
    kind="multilabel",
    summary="topics of a short text",
    layout=Layout(format="jsonl"),
    labels=TOPICS,
    metrics=("micro_f1", "multilabel_macro_f1", "subset_accuracy"),
    columns={"first": "text", "label": "labels"},
)
