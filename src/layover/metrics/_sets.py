"""Counts of predicted labels, gold labels and right labels, for the metrics of label sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from layover.metrics._paired import paired

Labels = Sequence[str]
"""The labels of one example, in any order; may be empty."""


@dataclass(frozen=True)
class SetCounts:
    """Label -> number of examples."""

    predicted: Counter[str]
    gold: Counter[str]
    right: Counter[str]
    """Examples where the label is predicted and gold."""


def sets(predictions: Sequence[Labels], golds: Sequence[Labels]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return the labels of each prediction and of its gold.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    return [(frozenset(predicted), frozenset(gold)) for predicted, gold in paired(predictions, golds)]


def counted(predictions: Sequence[Labels], golds: Sequence[Labels]) -> SetCounts:
    """Return the number of examples where each label is predicted, gold, and both.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    predicted, gold, right = Counter[str](), Counter[str](), Counter[str]()
    for labels, gold_labels in sets(predictions, golds):
        predicted.update(labels)
        gold.update(gold_labels)
        right.update(labels & gold_labels)
    return SetCounts(predicted, gold, right)


def f1(right: int, predicted: int, gold: int) -> float:
    """Return 2 * right / (predicted + gold); 0 if nothing is right."""
    return 2 * right / (predicted + gold) if right else 0.0
