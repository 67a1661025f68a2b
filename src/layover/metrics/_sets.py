"""What the metrics of label sets share: how often each label is predicted, is gold, and is both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from layover.metrics._paired import paired

Labels = Sequence[str]
"""The labels of one example, in any order; none is a possible answer."""


@dataclass(frozen=True)
class SetCounts:
    """Label -> in how many examples."""

    said: Counter[str]
    wanted: Counter[str]
    right: Counter[str]
    """In both."""


def sets(predictions: Sequence[Labels], golds: Sequence[Labels]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return the labels of each prediction and of its gold.

    Raises:
        DataError: predictions and golds are not equally many, or none.
    """
    return [(frozenset(said), frozenset(wanted)) for said, wanted in paired(predictions, golds)]


def counted(predictions: Sequence[Labels], golds: Sequence[Labels]) -> SetCounts:
    """Return how often each label occurs; see `sets`."""
    said, wanted, right = Counter[str](), Counter[str](), Counter[str]()
    for one, other in sets(predictions, golds):
        said.update(one)
        wanted.update(other)
        right.update(one & other)
    return SetCounts(said, wanted, right)


def f1(right: int, said: int, wanted: int) -> float:
    """Return 2 * right / (said + wanted); 0 where there is nothing in either."""
    return 2 * right / (said + wanted) if right else 0.0
