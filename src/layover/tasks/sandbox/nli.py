"""Natural language inference, much English training data."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks._meanings import NLI
from layover.tasks.sandbox._made import made

TASK = made(
    "nli",
    kind="classification",
    summary="natural language inference",
    layout=Layout(format="tsv", header=("premise", "hypothesis", "label")),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
)
