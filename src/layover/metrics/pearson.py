"""Pearson's correlation: with Spearman's, GLUE's score of STS-B."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layover.metrics._metric import Metric
from layover.metrics._paired import varied


def pearson(predictions: Sequence[float], golds: Sequence[float], _language: str = "en") -> float:
    """Return 100 * r, -100 to 100: how well a straight line turns predictions into golds.

    Where every prediction, or every gold, is the same number, r is undefined: neither 0 nor NaN, but an error.

    Source: `scipy.stats.pearsonr`, as GLUE's scripts call it.

    Raises:
        DataError: predictions and golds are not equally many, or none; one of them is no finite number.
        UndefinedError: there is one example only, or no variation in one of both.
    """
    return correlation(*varied(predictions, golds, "pearson"))


def correlation(predicted: np.ndarray, expected: np.ndarray) -> float:
    """Return 100 * r of two arrays that vary, (N,) float64."""
    # divided by the largest first: squares of very large or very small numbers would leave the range of floats
    x_values, y_values = (values / np.abs(values).max() for values in (predicted, expected))
    x_values, y_values = x_values - x_values.mean(), y_values - y_values.mean()
    r = float(np.dot(x_values / np.linalg.norm(x_values), y_values / np.linalg.norm(y_values)))
    return 100.0 * min(1.0, max(-1.0, r))  # rounding may step over the border


METRIC = Metric("pearson", frozenset({"regression"}), higher_is_better=True, score=pearson, lowest=-100.0)
