"""Scores of numbers: hand-made cases, scipy and scikit-learn, and what has no correlation."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_squared_error

from layover import metrics
from layover.errors import DataError, UndefinedError

CORRELATIONS = ("pearson", "spearman")


def score(name: str, predictions: list[float], golds: list[float]) -> float:
    return metrics.get(name).score(predictions, golds, "en")


# predictions, golds, Pearson's r, Spearman's rho, mean squared error
BY_HAND = [
    ([0, 1], [0, 1], 1, 1, 0),
    ([1, 0], [0, 1], -1, -1, 1),
    ([0, 1, 2], [0, 1, 2], 1, 1, 0),
    ([0, 10, 20], [0, 1, 2], 1, 1, (81 + 324) / 3),
    ([0, 1, 4], [0, 1, 2], 4 / math.sqrt(2 * 26 / 3), 1, 4 / 3),  # a curve: the ranks agree, a line does not
    ([0, 2, 1], [0, 1, 2], 1 / 2, 1 / 2, 2 / 3),
    ([0, 0, 1], [0, 1, 2], math.sqrt(3) / 2, math.sqrt(3) / 2, 2 / 3),  # of equal numbers each has the mean rank
    ([0, 1, 0, 1], [0, 0, 1, 1], 0, 0, 1 / 2),
    ([-2.5, 0.5], [5, 0], -1, -1, (56.25 + 0.25) / 2),
]


@pytest.mark.parametrize(("predictions", "golds", "r", "rho", "error"), BY_HAND)
def test_by_hand(predictions: list[float], golds: list[float], r: float, rho: float, error: float) -> None:
    assert score("pearson", predictions, golds) == pytest.approx(100 * r, abs=1e-12)
    assert score("spearman", predictions, golds) == pytest.approx(100 * rho, abs=1e-12)
    assert score("mse", predictions, golds) == pytest.approx(error)


def test_thousands_of_sets_as_scipy_and_scikit_learn_say() -> None:
    draw = np.random.default_rng(7)
    undefined = 0
    for number in range(4_000):
        size = int(draw.integers(2, 12))
        golds = draw.integers(0, 6, size) * (1.0 if number % 2 else 0.2)  # many equal numbers, few different ones
        said = draw.integers(0, 3, size) - 1.0 if number % 3 else draw.normal(2.5, 10.0 ** draw.integers(-6, 7), size)
        assert score("mse", list(said), list(golds)) == pytest.approx(np.mean((said - golds) ** 2), rel=1e-12)
        if len(set(said)) == 1 or len(set(golds)) == 1:
            undefined += 1
            for name in CORRELATIONS:
                with pytest.raises(UndefinedError, match=f"{name} is undefined: every (prediction|gold) is "):
                    score(name, list(said), list(golds))
            continue
        # corrcoef is what pearsonr computes, and takes a tenth of its time; pearsonr itself is asked below
        assert score("pearson", list(said), list(golds)) == pytest.approx(
            100 * np.corrcoef(said, golds)[0, 1], abs=1e-7
        )
        ranks = stats.rankdata(said), stats.rankdata(golds)
        assert score("spearman", list(said), list(golds)) == pytest.approx(100 * np.corrcoef(*ranks)[0, 1], abs=1e-7)
        if number % 10 == 0:
            assert score("pearson", list(said), list(golds)) == pytest.approx(
                100 * float(stats.pearsonr(said, golds)[0]), abs=1e-7
            )
            assert score("spearman", list(said), list(golds)) == pytest.approx(
                100 * float(stats.spearmanr(said, golds)[0]), abs=1e-7
            )
            assert score("mse", list(said), list(golds)) == pytest.approx(mean_squared_error(golds, said), rel=1e-12)
    assert 100 < undefined < 9_000


@pytest.mark.parametrize("name", CORRELATIONS)
def test_a_correlation_that_is_not_defined_is_no_number(name: str) -> None:
    with pytest.raises(UndefinedError, match=rf"^{name} is undefined: every prediction is 2\.31$"):
        score(name, [2.31, 2.31, 2.31], [0.0, 1.0, 2.0])
    with pytest.raises(UndefinedError, match=rf"^{name} is undefined: every gold is 5$"):
        score(name, [0.0, 1.0], [5.0, 5.0])
    with pytest.raises(UndefinedError, match="it needs two examples, and there is one"):
        score(name, [1.0], [1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that there is none
        assert math.isnan(stats.pearsonr([1.0, 2.0], [5.0, 5.0])[0])


@pytest.mark.parametrize("name", [*CORRELATIONS, "mse"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(name: str, bad: float) -> None:
    with pytest.raises(DataError, match="the prediction of example 2 is "):
        score(name, [1.0, bad], [1.0, 2.0])
    with pytest.raises(DataError, match="the gold of example 1 is "):
        score(name, [1.0, 2.0], [bad, 1.0])


@pytest.mark.parametrize("name", CORRELATIONS)
def test_neither_unit_nor_origin_changes_a_correlation(name: str) -> None:
    said, golds = [0.1, 0.7, 0.4, 0.2], [1.0, 4.0, 5.0, 0.0]
    found = score(name, said, golds)
    assert score(name, [1e200 * value for value in said], golds) == pytest.approx(found)
    assert score(name, [1e-200 * value - 1e-201 for value in said], golds) == pytest.approx(found)
    assert score(name, [-value for value in said], golds) == pytest.approx(-found)
    line = [0.1 * value for value in range(50)]
    assert score(name, line, [3 * value + 1 for value in line]) <= 100.0


def test_only_correlations_select() -> None:
    assert all(metrics.get(name).higher_is_better for name in CORRELATIONS)
    assert not metrics.get("mse").higher_is_better
    assert metrics.get("mse").unit == "squared error"
