"""Items: groups that are stable, and contributions that give the variance of a score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from layover.statistics import GROUPS, contributions, slots

Mask = npt.NDArray[np.bool_]


def mean_without(values: npt.NDArray[np.float64]) -> Callable[[Mask], float]:
    return lambda kept: float(values[kept].mean())


def test_groups_depend_on_names_alone_and_are_the_same_everywhere() -> None:
    assert slots(["a", "7", "a", "ü", "\udc80"]).tolist() == [7, 46, 7, 39, 23]
    every = slots([str(number) for number in range(5000)])
    assert set(every.tolist()) == set(range(GROUPS))
    assert np.bincount(every).min() > 60


def test_contributions_to_a_mean_are_exact() -> None:
    values = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    groups = np.array([3, 3, 7, 7, 9])
    found = contributions(values.mean(), mean_without(values), groups)
    assert found[[3, 7, 9]] == pytest.approx([(1 - 1.2) / 5, (2 - 1.2) / 5, (0 - 0.6) / 5])
    assert np.isnan(np.delete(found, [3, 7, 9])).all()
    assert np.nansum(found) == pytest.approx(0)


def test_one_group_says_nothing() -> None:
    values = np.array([1.0, 0.0])
    assert np.isnan(contributions(0.5, mean_without(values), np.array([4, 4]))).all()


def test_the_variance_of_a_ratio_is_that_of_its_linear_form() -> None:
    """Of F1 over spans, whose denominators are random, too."""
    random = np.random.default_rng(3)
    counts = random.poisson([2.0, 3.0, 3.5], (2000, 3)).astype(float)

    def value(sums: npt.NDArray[np.float64]) -> float:
        return float(200 * sums[0] / (sums[1] + sums[2]))

    groups = slots([str(number) for number in range(len(counts))])
    total = counts.sum(axis=0)
    found = contributions(value(total), lambda kept: value(counts[kept].sum(axis=0)), groups)
    linear = (200 * counts[:, 0] - value(total) * (counts[:, 1] + counts[:, 2])) / (total[1] + total[2])
    exact = np.bincount(groups, weights=linear, minlength=GROUPS)
    assert found == pytest.approx(exact, rel=0.03, abs=1e-3)
