"""Share of examples whose prediction equals gold: the XTREME metric of XNLI, PAWS-X and XCOPA."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import paired


def accuracy(predictions: Sequence[Hashable], golds: Sequence[Hashable], _language: str = "en") -> float:
    """Return 100 * (predictions that equal gold) / (examples), 0 to 100.

    Labels are compared without conversion: `"1"` is not `1`, and `"Yes"` is not `"yes"`.

    Source: `accuracy` of `evaluate.py`, google-research/xtreme.

    Raises:
        DataError: the numbers of predictions and golds differ, or there are none.
    """
    pairs = paired(predictions, golds)
    return 100.0 * sum(prediction == gold for prediction, gold in pairs) / len(pairs)


METRIC = Metric("accuracy", frozenset({"classification", "choice"}), higher_is_better=True, score=accuracy)
