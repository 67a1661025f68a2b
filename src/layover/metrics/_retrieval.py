"""What the metrics of retrieval share: the gold of a sentence, and the two sides it may stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from layover.errors import DataError
from layover.metrics._paired import paired

LANGUAGE, ENGLISH = "language", "english"
"""The sides: the sentences of the language that is evaluated, and the English ones."""


class Sought(NamedTuple):
    """The gold of one sentence."""

    side: str
    """Where the sentence itself stands, `LANGUAGE` or `ENGLISH`."""
    ids: tuple[str, ...]
    """The sentences of the other side that translate it; none when nothing does."""


def queries(side: str, predictions: Sequence[str | None], golds: Sequence[Sought]) -> list[tuple[str | None, Sought]]:
    """Return the sentences of a side: the id that was found, None for none, and the gold.

    Raises:
        DataError: predictions and golds are not equally many, or no sentence stands on this side.
    """
    pairs = [(answer, gold) for answer, gold in paired(predictions, golds) if gold.side == side]
    if not pairs:
        raise DataError(f"none of the {len(golds)} sentences stands on the {side} side, so there is nothing to score")
    return pairs


def percent_right(side: str, predictions: Sequence[str | None], golds: Sequence[Sought]) -> float:
    """Return the percentage of the sentences of a side whose prediction is the id of a translation.

    Raises:
        DataError: see `asked`.
    """
    pairs = queries(side, predictions, golds)
    return 100.0 * sum(answer in gold.ids for answer, gold in pairs) / len(pairs)
