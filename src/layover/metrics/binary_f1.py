"""F1 of the label 1 against 0; GLUE scores QQP by it and by accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from layover.errors import DataError
from layover.metrics._metric import Metric
from layover.metrics._paired import paired


def binary_f1(predictions: Sequence[str], golds: Sequence[str], _language: str = "en") -> float:
    """Return 100 * 2 * right / (predicted + gold), 0 to 100, of the label `1`.

    `predicted` and `gold` count the examples with this label; `right` counts the examples where both have it. 0 if
    nothing is right, also if no example has it.

    Source: scikit-learn `f1_score` with its defaults, as GLUE's scripts call it for QQP and MRPC.

    Raises:
        DataError: a label is neither `0` nor `1`, or the numbers of predictions and golds differ, or there are none.
    """
    pairs = paired(predictions, golds)
    other = {*predictions, *golds} - {"0", "1"}
    if other:
        raise DataError(f"binary_f1 scores the labels 0 and 1, not {min(other)!r}; use macro_f1")
    right = pairs.count(("1", "1"))
    return 100.0 * 2 * right / (list(predictions).count("1") + list(golds).count("1")) if right else 0.0


METRIC = Metric("binary_f1", frozenset({"classification"}), higher_is_better=True, score=binary_f1, hub="f1")
