"""MultiNLI: does the premise entail the hypothesis; the English training data of XNLI.

Pairs without agreement of the annotators (label `-` in the official files) are left out, as in the paper.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
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
            FileSource(path="mnli/train.csv", layout=FileLayout(format="csv")),
            FileSource(path="mnli/multinli_1.0_train.jsonl", layout=FileLayout(format="jsonl"), columns=OFFICIAL),
            # the same sentences in XTREME's file
            FileSource(
                path="xnli/train-en.tsv",
                layout=FileLayout(format="tsv", header=("premise", "hypothesis", "label")),
            ),
        ),
        "validation": (
            FileSource(path="mnli/dev.csv", layout=FileLayout(format="csv")),
            FileSource(path="mnli/multinli_1.0_dev_matched.jsonl", layout=FileLayout(format="jsonl"), columns=OFFICIAL),
        ),
    },
    counts={"train": 392_702, "validation": 9_815},
    licence="OANC, CC-BY-3.0 and CC-BY-SA-3.0 by genre",
    citation="Williams, Nangia, Bowman 2018, arXiv:1704.05426",
)
