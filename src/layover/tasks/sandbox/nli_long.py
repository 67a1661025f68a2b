"""Natural language inference over documents of more than 1,000 tokens."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks._meanings import NLI
from layover.tasks.sandbox._made import made

TASK = made(
    "nli_long",
    kind="classification",
    summary="natural language inference over long documents",
    layout=Layout(format="tsv", header=("premise", "hypothesis", "label")),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
)
