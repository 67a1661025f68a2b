"""Mean squared error: the training loss of regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layover.metrics._metric import Metric
from layover.metrics._paired import numbers


def mse(predictions: Sequence[float], golds: Sequence[float], _language: str = "en") -> float:
    """Return the mean of (prediction - gold) ** 2, in the squared unit of the gold; 0 is perfect.

    Source: scikit-learn `mean_squared_error`.

    Raises:
        DataError: the numbers of predictions and golds differ, there are none, or a value is not finite.
    """
    predicted, expected = numbers(predictions, golds)
    return float(np.square(predicted - expected).mean())


METRIC = Metric("mse", frozenset({"regression"}), higher_is_better=False, score=mse, unit="squared error")
