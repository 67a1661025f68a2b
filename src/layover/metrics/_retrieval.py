"""The gold of a sentence and the two sides of retrieval, for its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from layover.errors import DataError
from layover.metrics._paired import paired

LANGUAGE, ENGLISH = "language", "english"
"""The sides: the sentences of the evaluated language, and the English sentences."""


class Sought(NamedTuple):
    """The gold of one sentence."""

    side: str
    """The side of the sentence itself, `LANGUAGE` or `ENGLISH`."""
    ids: tuple[str, ...]
    """The ids of its translations on the other side; empty if it has none."""


def queries(side: str, predictions: Sequence[str | None], golds: Sequence[Sought]) -> list[tuple[str | None, Sought]]:
    """Return the sentences of a side: the predicted id or None, and the gold.

    Raises:
        DataError: the numbers of predictions and golds differ, or no sentence is on this side.
    """
    pairs = [(answer, gold) for answer, gold in paired(predictions, golds) if gold.side == side]
    if not pairs:
        raise DataError(f"none of the {len(golds)} sentences is on the {side} side, so there is no score")
    return pairs


def percent_right(side: str, predictions: Sequence[str | None], golds: Sequence[Sought]) -> float:
    """Return the percentage of the sentences of a side whose prediction is the id of a translation.

    Raises:
        DataError: the numbers of predictions and golds differ, or no sentence is on this side.
    """
    pairs = queries(side, predictions, golds)
    return 100.0 * sum(answer in gold.ids for answer, gold in pairs) / len(pairs)
