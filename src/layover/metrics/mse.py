"""Mean squared error: what a regression is trained for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layover.metrics._metric import Metric
from layover.metrics._paired import numbers


def mse(predictions: Sequence[float], golds: Sequence[float], _language: str = "en") -> float:
    """Return the mean of (prediction - gold) ** 2, in the square of gold's unit; 0 is perfect.

    Source: scikit-learn `mean_squared_error`.

    Raises:
        DataError: predictions and golds are not equally many, or none; one of them is no finite number.
    """
    predicted, expected = numbers(predictions, golds)
    return float(np.square(predicted - expected).mean())


METRIC = Metric("mse", frozenset({"regression"}), higher_is_better=False, score=mse, unit="squared error")
