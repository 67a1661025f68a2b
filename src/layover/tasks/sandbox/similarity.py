"""Similarity of two sentences: a number from 0 to 5 for the facts (person, action, place, time) that they share."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks.sandbox._made import made

TASK = made(
    "similarity",
    kind="regression",
    summary="similarity of two sentences",
    layout=FileLayout(format="csv", header=("sentence1", "sentence2", "similarity_score")),
    metrics=("pearson", "spearman", "mse"),
    columns={"first": "sentence1", "second": "sentence2", "label": "similarity_score"},
    options={"range": [0.0, 5.0]},
)
