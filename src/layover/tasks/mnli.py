"""MultiNLI: does the premise entail the hypothesis; the English training data of XNLI.

Pairs of the official files whose annotators did not agree (label `-`) are left out, as the paper does.
"""

from __future__ import annotations

from layover.data.formats import Layout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI

LABELS = ("entailment", "neutral", "contradiction")
OFFICIAL = {"first": "sentence1", "second": "sentence2", "label": "gold_label"}  # keys of multinli_1.0

TASK = Task(
    name="mnli",
    kind="classification",
    summary="natural language inference, English",
    stages=("intermediate",),
    labels=LABELS,
    meanings=dict(NLI),
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
    languages={"train": ("en",), "validation": ("en",)},
    only_gold=True,
    hub={
        "train": (HubSource(path="nyu-mll/glue", config="mnli", split="train"),),
        "validation": (HubSource(path="nyu-mll/glue", config="mnli", split="validation_matched"),),
    },
    files={
        "train": (
            FileSource(path="mnli/train.csv", layout=Layout(format="csv")),
            FileSource(path="mnli/multinli_1.0_train.jsonl", layout=Layout(format="jsonl"), columns=OFFICIAL),
            # the same sentences as XTREME writes them
            FileSource(
                path="xnli/train-en.tsv",
                layout=Layout(format="tsv", header=("premise", "hypothesis", "label")),
            ),
        ),
        "validation": (
            FileSource(path="mnli/dev.csv", layout=Layout(format="csv")),
            FileSource(path="mnli/multinli_1.0_dev_matched.jsonl", layout=Layout(format="jsonl"), columns=OFFICIAL),
        ),
    },
    counts={"train": 392_702, "validation": 9_815},
    licence="OANC, CC-BY-3.0 and CC-BY-SA-3.0 by genre",
    citation="Williams, Nangia, Bowman 2018, arXiv:1704.05426",
)
