"""HANS: pairs of sentences that mislead a model which only compares words; a test, trained on English MultiNLI.

HANS has two labels. The official rule scores a model with three: it predicts as usual, then `neutral` and
`contradiction` both count as `non-entailment`. The evaluation set of the paper is `validation` on the hub. The set that
the paper trains on has the same templates, so it is not used.
"""

from __future__ import annotations

from layover.data.formats import FileLayout
from layover.tasks import FileSource, HubSource, Task
from layover.tasks._meanings import NLI
from layover.tasks.mnli import LABELS

NOT_ENTAILED = "non-entailment"
OFFICIAL: dict[str, str | tuple[str, ...]] = {"first": "sentence1", "second": "sentence2", "label": "gold_label"}

TASK = Task(
    name="hans",
    kind="classification",
    summary="natural language inference against shallow heuristics, English",
    stages=("target",),
    labels=LABELS,
    meanings=dict(NLI),
    merged={"neutral": NOT_ENTAILED, "contradiction": NOT_ENTAILED},
    metrics=("accuracy",),
    columns={"first": "premise", "second": "hypothesis", "label": "label"},
    languages={"test": ("en",)},
    train_task="mnli",
    hub={
        "test": (
            HubSource(
                path="jhu-clsp/hans", config="plain_text", split="validation", codes=("entailment", NOT_ENTAILED)
            ),
        )
    },
    files={
        "test": (
            FileSource(
                path="hans/heuristics_evaluation_set.txt",
                layout=FileLayout(format="tsv", quoting=False),
                columns=OFFICIAL,
            ),
            FileSource(
                path="hans/heuristics_evaluation_set.jsonl", layout=FileLayout(format="jsonl"), columns=OFFICIAL
            ),
        )
    },
    counts={"test": 30_000},
    licence="none stated on the hub",
    citation="McCoy, Pavlick, Linzen 2019, arXiv:1902.01007",
)
