"""What the metrics of retrieval share: the gold of a sentence, and the two sides it may stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LANGUAGE, ENGLISH = "language", "english"
"""The sides: the sentences of the language that is evaluated, and the English ones."""


class Sought(NamedTuple):
    """The gold of one sentence."""

    side: str
    """Where the sentence itself stands, `LANGUAGE` or `ENGLISH`."""
    ids: tuple[str, ...]
    """The sentences of the other side that translate it; none when nothing does."""


def found_from(side: str, predictions: Sequence[str | None], golds: Sequence[Sought]) -> float:
    """Return the percentage of the sentences of a side whose prediction is the id of a translation."""
    asked = [(answer, gold) for answer, gold in zip(predictions, golds, strict=True) if gold.side == side]
    return 100.0 * sum(answer in gold.ids for answer, gold in asked) / len(asked)
