"""Families of comparisons: an interval for each difference, and marks that hold for all of them together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from layover.statistics.differences import Component, Difference

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
ENOUGH_SEEDS = 3
"""Smallest number of seeds for a mark, and for an interval over trainings."""
MOST_BORROWED = 4
"""Largest weight, in degrees of freedom, of the family in the variance over trainings of one comparison."""
DRAWS, FEWEST_DRAWS = 10_000, 2_000
"""Number of draws for the adjusted p-values, and the smallest number in large families."""
MOST_DRAWN = 400_000
"""Number of draws times number of comparisons."""

Basis = Literal["trainings and items", "items", "none"]


@dataclass(frozen=True)
class Finding:
    """What statistics says about one difference."""

    difference: Difference
    basis: Basis
    """What the interval covers. With fewer than three seeds only the variation of items for these trained models."""
    interval: tuple[float, float] | None
    """The 95 % interval of this difference alone; None if there is none."""
    p: float | None
    """The p-value, adjusted for the family; None if the difference cannot be marked."""

    @property
    def mark(self) -> Literal["gain", "loss", "open"]:
        """`gain` or `loss` if the adjusted p-value is below 0.05, else `open`."""
        if self.p is None or self.p >= 1 - CONFIDENCE:
            return "open"
        return "gain" if self.difference.mean > 0 else "loss"


@dataclass(frozen=True)
class _Test:
    """One comparison of a family."""

    place: int
    error: float
    """Standard error of the mean."""
    df: float
    p: float
    items: Array
    data: Hashable
    """The test data: only comparisons with equal ones share items."""


def family(differences: Sequence[Difference], data: Sequence[Hashable] | None = None) -> list[Finding]:
    """Return the finding of each difference, with p-values that are adjusted for all that can be marked.

    The variance of a difference is the sum of its variance over trainings and its variance over items. The former
    borrows from the family: (d0 mean + (n - 1) own) / (d0 + n - 1), where d0 is the number of other comparisons, 4 at
    most (a moderated variance: Smyth 2004). Degrees of freedom are Satterthwaite's (1946). The p-values are those of a
    step-down max-T procedure (Westfall and Young 1993) on draws from the joint distribution, in which trainings of
    different comparisons are independent (conservative: Sidak 1967) and items are shared as estimated.

    Args:
        differences: The comparisons.
        data: The test data of each comparison, such as the target. Comparisons on other data share neither variances
            nor items. By default all have the same data.
    """
    data = [None] * len(differences) if data is None else data
    tests = [
        test
        for same in dict.fromkeys(data)
        for test in _tests([(place, each) for place, each in enumerate(differences) if data[place] == same], same)
    ]
    adjusted = _step_down(tests)
    return [_finding(number, each, tests, adjusted) for number, each in enumerate(differences)]


def _tests(placed: Sequence[tuple[int, Difference]], data: Hashable) -> list[_Test]:
    """Return the tests of the comparisons on the same data, each given with its place in the family."""
    fit = [(place, each) for place, each in placed if _can_be_marked(each)]
    moderated = _moderated([each for _, each in fit])
    borrowed = _borrowed(sum(len(each.trainings) == 1 for each in moderated))
    tests = []
    for (place, _), difference in zip(fit, moderated, strict=True):
        error, df = _error(difference, borrowed if len(difference.trainings) == 1 else 0)
        if error > 0 and difference.items is not None:
            tests.append(_Test(place, error, df, _p(difference.mean / error, df), difference.items, data))
    return tests


def _can_be_marked(difference: Difference) -> bool:
    return difference.count >= ENOUGH_SEEDS and bool(difference.trainings) and difference.over_items is not None


def _finding(number: int, difference: Difference, tests: Sequence[_Test], adjusted: dict[int, float]) -> Finding:
    test = next((each for each in tests if each.place == number), None)
    if test is not None:
        interval = _interval(difference.mean, test.error, test.df)
        return Finding(difference, "trainings and items", interval, adjusted[number])
    items = difference.over_items
    if items is None or not items.variance or _can_be_marked(difference):
        return Finding(difference, "none", None, None)
    return Finding(difference, "items", _interval(difference.mean, items.variance**0.5, items.df), None)


def _interval(mean: float, error: float, df: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    half = float(stdtrit(df, (1 + CONFIDENCE) / 2)) * error
    return mean - half, mean + half


def _p(t: float, df: float) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(df, -abs(t)))


def _borrowed(count: int) -> int:
    """Return the degrees of freedom that each of so many comparisons borrows from the others."""
    return min(MOST_BORROWED, max(count - 1, 0))


def _moderated(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences with moderated variances over trainings; those of unpaired seeds stay as they are."""
    single = [each.trainings[0] for each in differences if len(each.trainings) == 1]
    borrowed = _borrowed(len(single))
    per_seed = [part.variance * (part.df + 1) for part in single]
    mean = float(np.mean(per_seed)) if per_seed else 0.0

    def of(part: Component) -> Component:
        own = part.variance * (part.df + 1)
        variance = (borrowed * mean + part.df * own) / (borrowed + part.df)
        return Component(variance / (part.df + 1), part.df + borrowed)

    return [
        replace(each, trainings=(of(each.trainings[0]),)) if len(each.trainings) == 1 else each for each in differences
    ]


def _error(difference: Difference, borrowed: int) -> tuple[float, float]:
    """Return the standard error and the degrees of freedom.

    A variance over few trainings may be small by chance, and then Satterthwaite's degrees of freedom are too many. So
    it counts more in them, up to three times if nothing is borrowed.
    """
    items = difference.over_items
    parts = [*difference.trainings, *([items] if items is not None else [])]
    variance = sum(part.variance for part in parts)
    more = 1 + 4 / (2 + borrowed)
    weights = [more] * len(difference.trainings) + [1.0] * (items is not None)
    counted = [weight * part.variance for weight, part in zip(weights, parts, strict=True)]
    below = sum(value**2 / part.df for value, part in zip(counted, parts, strict=True))
    return variance**0.5, sum(counted) ** 2 / below if below else float("inf")


def _step_down(tests: Sequence[_Test]) -> dict[int, float]:
    """Return the adjusted p-value by place."""
    if not tests:
        return {}
    from scipy.special import stdtr

    ordered = sorted(tests, key=lambda test: test.p)
    df = np.array([test.df for test in ordered])
    random = np.random.default_rng(0)
    draws = min(DRAWS, max(FEWEST_DRAWS, MOST_DRAWN // len(ordered)))
    normal = random.standard_normal((draws, len(ordered))) @ _root(_correlation(ordered)).T
    drawn = normal / np.sqrt(random.chisquare(df, normal.shape) / df)
    p_values = 2 * stdtr(df, -np.abs(drawn))
    # of each draw, the smallest p-value among a comparison and those after it
    smallest = np.minimum.accumulate(p_values[:, ::-1], axis=1)[:, ::-1]
    adjusted, before = {}, 0.0
    for column, test in enumerate(ordered):
        share = (1 + np.count_nonzero(smallest[:, column] <= test.p)) / (1 + draws)
        before = max(before, float(share), test.p)
        adjusted[test.place] = before
    return adjusted


def _correlation(tests: Sequence[_Test]) -> Array:
    """Return the correlations of the differences over items, as a share of their whole variance, (k, k)."""
    correlation: Array = np.eye(len(tests))
    for data in dict.fromkeys(test.data for test in tests):
        places = [place for place, test in enumerate(tests) if test.data == data]
        items = np.array([np.nan_to_num(_centred(tests[place].items)) for place in places])
        error = np.array([tests[place].error for place in places])
        count = max(int((items != 0).any(axis=0).sum()), 2)
        correlation[np.ix_(places, places)] = count / (count - 1) * (items @ items.T) / np.outer(error, error)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _root(matrix: Array) -> Array:
    """Return a square root of a positive semidefinite matrix; equal comparisons make it singular."""
    values, vectors = np.linalg.eigh(matrix)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _centred(items: Array) -> Array:
    return items - np.nanmean(items)
