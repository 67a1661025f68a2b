"""Mean F1 of the label sets of each example."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._sets import Labels, f1, sets


def sample_f1(predictions: Sequence[Labels], golds: Sequence[Labels], _language: str = "en") -> float:
    """Return the mean, over examples, of 100 * 2 * right / (predicted + gold), 0 to 100.

    An example without gold labels counts with 0, even if no label is predicted, as in scikit-learn. Use
    `subset_accuracy` if no label can be a right answer.

    Source: scikit-learn `f1_score(average="samples", zero_division=0)` of multi-hot matrices.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    pairs = sets(predictions, golds)
    return 100.0 * sum(f1(len(predicted & gold), len(predicted), len(gold)) for predicted, gold in pairs) / len(pairs)


METRIC = Metric("sample_f1", frozenset({"multilabel"}), higher_is_better=True, score=sample_f1)
