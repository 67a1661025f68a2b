"""Spearman's rank correlation: with Pearson's, GLUE's score of STS-B, and the one of most later papers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import varied
from layover.metrics.pearson import correlation


def spearman(predictions: Sequence[float], golds: Sequence[float], _language: str = "en") -> float:
    """Return 100 * rho, -100 to 100: Pearson's correlation of the ranks; equal numbers share their mean rank.

    Where every prediction, or every gold, is the same number, rho is undefined: neither 0 nor NaN, but an error.

    Source: `scipy.stats.spearmanr`, as GLUE's scripts call it.

    Raises:
        DataError: predictions and golds are not equally many, or none; one of them is no finite number.
        UndefinedError: there is one example only, or no variation in one of both.
    """
    from scipy.stats import rankdata

    predicted, expected = varied(predictions, golds, "spearman")
    return correlation(rankdata(predicted), rankdata(expected))


METRIC = Metric("spearman", frozenset({"regression"}), higher_is_better=True, score=spearman, lowest=-100.0)
