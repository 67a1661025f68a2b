"""Whether two ways to train give equal scores: two one-sided tests against a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

CONFIDENCE = 0.90
"""Of the interval: two one-sided tests at 5 %."""


def judged(ours: Sequence[float], plain: Sequence[float], margin: float) -> dict[str, Any]:
    """Return the mean of the paired differences, its 90 % confidence interval, and the verdict.

    `equivalent`: the interval lies within the margin. `lower` and `higher`: it does not, and excludes zero.
    `not shown`: none of these.

    Args:
        ours: Scores of Layover, two or more.
        plain: Scores of the plain loop, with the same seeds in the same order.
        margin: Points, either way.

    Raises:
        ValueError: fewer than two pairs, or lists of different lengths.
    """
    differences = [one - other for one, other in zip(ours, plain, strict=True)]
    if len(differences) < 2:
        raise ValueError("an interval takes two pairs or more")
    mean, count = fmean(differences), len(differences)
    half = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * stdev(differences) / math.sqrt(count)
    low, high = mean - half, mean + half
    verdict = "not shown"
    if low > -margin and high < margin:
        verdict = "equivalent"
    elif high < 0:
        verdict = "lower"
    elif low > 0:
        verdict = "higher"
    return {"difference": round(mean, 2), "interval_90": [round(low, 2), round(high, 2)], "verdict": verdict}
