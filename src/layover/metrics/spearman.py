"""Spearman's rank correlation: with Pearson's, the score of STS-B in GLUE, and the score of most later papers."""

from __future__ import annotations

from collections.abc import Sequence

from layover.metrics._metric import Metric
from layover.metrics._paired import varied
from layover.metrics.pearson import correlation


def spearman(predictions: Sequence[float], golds: Sequence[float], _language: str = "en") -> float:
    """Return 100 * rho, -100 to 100: Pearson's correlation of the ranks; equal numbers share their mean rank.

    If all predictions, or all golds, are the same number, rho is undefined, and this is an error.

    Source: `scipy.stats.spearmanr`, as GLUE's scripts call it.

    Raises:
        DataError: the numbers of predictions and golds differ, there are none, or a value is not finite.
        UndefinedError: there is only one example, or predictions or golds do not vary.
    """
    from scipy.stats import rankdata

    predicted, expected = varied(predictions, golds, "spearman")
    return correlation(rankdata(predicted), rankdata(expected))


METRIC = Metric("spearman", frozenset({"regression"}), higher_is_better=True, score=spearman, lowest=-100.0)
