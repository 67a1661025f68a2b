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

    predicted: Counter[str]
    gold: Counter[str]
    right: Counter[str]
    """In both."""


def sets(predictions: Sequence[Labels], golds: Sequence[Labels]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return the labels of each prediction and of its gold.

    Raises:
        DataError: predictions and golds are not equally many, or none.
    """
    return [(frozenset(predicted), frozenset(gold)) for predicted, gold in paired(predictions, golds)]


def counted(predictions: Sequence[Labels], golds: Sequence[Labels]) -> SetCounts:
    """Return how often each label occurs; see `sets`."""
    predicted, gold, right = Counter[str](), Counter[str](), Counter[str]()
    for labels, gold_labels in sets(predictions, golds):
        predicted.update(labels)
        gold.update(gold_labels)
        right.update(labels & gold_labels)
    return SetCounts(predicted, gold, right)


def f1(right: int, predicted: int, gold: int) -> float:
    """Return 2 * right / (said + wanted); 0 where there is nothing in either."""
    return 2 * right / (predicted + gold) if right else 0.0
