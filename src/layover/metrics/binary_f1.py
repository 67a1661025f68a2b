"""F1 of the label 1 against 0: with accuracy, GLUE's score of QQP."""

from __future__ import annotations

from collections.abc import Sequence

from layover.errors import DataError
from layover.metrics._metric import Metric
from layover.metrics._paired import paired


def binary_f1(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return 100 * 2 * right / (predicted + gold), 0 to 100, of the label `1`.

    `right` counts the examples that have it in both, `predicted` and `gold` those that have it in one. 0 where nothing
    is right, also where nobody has it.

    Source: scikit-learn `f1_score` with its defaults, as GLUE's scripts call it for QQP and MRPC.

    Raises:
        DataError: a label is neither `0` nor `1`, or predictions and golds are not equally many, or none.
    """
    pairs = paired(predictions, golds)
    other = {*predictions, *golds} - {"0", "1"}
    if other:
        raise DataError(f"binary_f1 scores the labels 0 and 1, not {min(other)!r}; use macro_f1")
    right = pairs.count(("1", "1"))
    return 100.0 * 2 * right / (list(predictions).count("1") + list(golds).count("1")) if right else 0.0


METRIC = Metric("binary_f1", frozenset({"classification"}), higher_is_better=True, score=binary_f1, hub="f1")
