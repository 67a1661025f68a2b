"""PAWS-X across languages: two sentences with nearly the same words in two of 7 languages; trained on English PAWS.

The names of the 42 pairs are first-second: `de-en` has a German first and an English second sentence. They are made of
the data of `pawsx`, whose languages have the same items in the same order. In a recipe `all` means the 12 pairs with
English; others must be named. The English validation data serve for the selection of weights, as in `pawsx`.

The translators of PAWS-X wrote `NS` for a sentence that they did not translate, and such a pair has the gold 0 in
their language, also where the English gold is 1. Such items are left out; all others have one gold in all languages.
"""

from __future__ import annotations

from layover.tasks import Task
from layover.tasks._crossed import pairs_of, pairs_with
from layover.tasks.pawsx import LANGUAGES
from layover.tasks.pawsx import TASK as PAWSX

PAIRS = pairs_of(LANGUAGES)

TASK = Task(
    name="pawsx_pairs",
    kind="classification",
    summary="paraphrase, second sentence in another of 7 languages",
    stages=("target",),
    labels=PAWSX.labels,
    meanings=PAWSX.meanings,
    metrics=PAWSX.metrics,
    columns=PAWSX.columns,
    languages={"validation": ("en", *PAIRS), "test": PAIRS},
    usual=pairs_with("en", LANGUAGES),
    train_task="pawsx",
    crosses=PAWSX,
    untranslated=("NS",),
    licence=PAWSX.licence,
    citation="Yang, Zhang, Tar, Baldridge 2019, arXiv:1908.11828; pairs of languages: Huang, Ahmad, Peng, Chang 2021, "
    "arXiv:2104.08645",
)
