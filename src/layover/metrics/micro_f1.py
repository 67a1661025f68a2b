"""F1 over all labels of all examples together: the main score of LexGLUE's multi-label tasks."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._sets import Labels, counted, f1


def micro_f1(predictions: Sequence[Labels], golds: Sequence[Labels], _language: str = "en") -> float:
    """Return 100 * 2 * right / (predicted + gold), 0 to 100, counting each label of each example once.

    A frequent label has more weight than a rare one. 0 if nothing is right, also if there are no labels.

    Source: scikit-learn `f1_score(average="micro", zero_division=0)` of multi-hot matrices, as LexGLUE's scripts call
    it.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    counts = counted(predictions, golds)
    return 100.0 * f1(counts.right.total(), counts.predicted.total(), counts.gold.total())


METRIC = Metric("micro_f1", frozenset({"multilabel"}), higher_is_better=True, score=micro_f1)
