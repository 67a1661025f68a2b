"""XNLI across languages: a premise in one of 15 languages, a hypothesis in another; trained on English MultiNLI.

The names of the 210 pairs are premise-hypothesis: `de-en` has a German premise and an English hypothesis. They are
made of the data of `xnli`, whose languages have the same items in the same order. In a recipe `all` means the 28 pairs
with English; others must be named. The English validation data serve for the selection of weights, as in `xnli`.
"""

from __future__ import annotations

from layover.tasks import Task
from layover.tasks._crossed import pairs_of, pairs_with
from layover.tasks.xnli import LANGUAGES
from layover.tasks.xnli import TASK as XNLI

PAIRS = pairs_of(LANGUAGES)

TASK = Task(
    name="xnli_pairs",
    kind="classification",
    summary="natural language inference, hypothesis in another of 15 languages",
    stages=("target",),
    labels=XNLI.labels,
    meanings=XNLI.meanings,
    metrics=XNLI.metrics,
    columns=XNLI.columns,
    languages={"validation": ("en", *PAIRS), "test": PAIRS},
    usual=pairs_with("en", LANGUAGES),
    train_task="mnli",
    crosses=XNLI,
    counts=XNLI.counts,
    licence=XNLI.licence,
    citation="Conneau et al. 2018, arXiv:1809.05053; pairs of languages: Huang, Ahmad, Peng, Chang 2021, "
    "arXiv:2104.08645",
)
