"""Natural language inference about contracts, courts and the police."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks._meanings import NLI
from layover.tasks.sandbox._made import made

TASK = made(
    "nli_legal",
    kind="classification",
    summary="natural language inference, legal",
    layout=Layout(format="tsv", header=("premise", "hypothesis", "label")),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
)
