"""Natural language inference that needs every word: several sentences, and claims that mix their words."""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks._meanings import NLI
from layover.tasks.sandbox._made import made

TASK = made(
    "anli",
    kind="classification",
    summary="adversarial natural language inference",
    layout=FileLayout(format="tsv", header=("premise", "hypothesis", "label")),
    labels=("entailment", "neutral", "contradiction"),
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
)
