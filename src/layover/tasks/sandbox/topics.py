"""Topics of a short text: any number of ten topics, possibly none."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made
from layover_sandbox.sets.topics import TOPICS

TASK = made(
    "topics",
    kind="multilabel",
    summary="topics of a short text",
    layout=FileLayout(format="jsonl"),
    labels=TOPICS,
    metrics=("micro_f1", "multilabel_macro_f1", "subset_accuracy"),
    columns={"first": "text", "label": "labels"},
)
