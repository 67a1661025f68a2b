"""Pearson's correlation: with Spearman's, the score of STS-B in GLUE."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layover.metrics._metric import Metric
from layover.metrics._paired import varied


def pearson(predictions: Sequence[float], golds: Sequence[float], _language: str = "en") -> float:
    """Return 100 * r, -100 to 100: how well a straight line maps predictions to golds.

    If all predictions, or all golds, are the same number, r is undefined, and this is an error.

    Source: `scipy.stats.pearsonr`, as GLUE's scripts call it.

    Raises:
        DataError: the numbers of predictions and golds differ, there are none, or a value is not finite.
        UndefinedError: there is only one example, or predictions or golds do not vary.
    """
    return correlation(*varied(predictions, golds, "pearson"))


def correlation(predicted: np.ndarray, expected: np.ndarray) -> float:
    """Return 100 * r of two arrays that vary, (N,) float64."""
    # scaled by the largest value, because squares of very large or small numbers would overflow or underflow
    x_values, y_values = (values / np.abs(values).max() for values in (predicted, expected))
    x_values, y_values = x_values - x_values.mean(), y_values - y_values.mean()
    r = float(np.dot(x_values / np.linalg.norm(x_values), y_values / np.linalg.norm(y_values)))
    return 100.0 * min(1.0, max(-1.0, r))  # rounding may exceed the bounds


METRIC = Metric("pearson", frozenset({"regression"}), higher_is_better=True, score=pearson, lowest=-100.0)
