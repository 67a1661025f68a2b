"""Natural language inference about patients, germs and remedies."""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks._meanings import NLI
from layover.tasks.sandbox._made import made

TASK = made(
    "nli_biomedical",
    kind="classification",
    summary="natural language inference, biomedical",
    layout=Layout(format="tsv", header=("premise", "hypothesis", "label")),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
)
