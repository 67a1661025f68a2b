"""Share of examples whose predicted labels are exactly the gold labels."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._sets import Labels, sets


def subset_accuracy(predictions: Sequence[Labels], golds: Sequence[Labels], _language: str = "en") -> float:
    """Return 100 * (examples whose predicted labels equal the gold labels) / (examples), 0 to 100.

    No predicted label is right if there is no gold label.

    Source: scikit-learn `accuracy_score` of multi-hot matrices.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    pairs = sets(predictions, golds)
    return 100.0 * sum(predicted == gold for predicted, gold in pairs) / len(pairs)


METRIC = Metric("subset_accuracy", frozenset({"multilabel"}), higher_is_better=True, score=subset_accuracy)
