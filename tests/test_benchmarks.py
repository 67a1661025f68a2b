"""The verdict on equal quality, which a page repeats."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

FILE = Path(__file__).parent.parent / "benchmarks" / "_equivalence.py"


@pytest.fixture(scope="module")
def judged() -> Any:
    spec = importlib.util.spec_from_file_location("equivalence", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.judged


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1, -0.1, 0.2, -0.2, 0.0], "equivalent"),
        ([0.5, 0.6, 0.4, 0.5, 0.5], "equivalent"),  # above zero, and within the margin
        ([2.0, 2.2, 1.8, 2.1, 1.9], "higher"),
        ([0.9, 1.2, 0.8, 1.1, 0.95], "higher"),  # half inside the margin
        ([-2.0, -2.2, -1.8, -2.1, -1.9], "lower"),
        ([3.0, -3.0, 2.0, -2.0, 0.5], "not shown"),
    ],
)
def test_the_verdict_follows_from_the_interval(judged: Any, differences: list[float], verdict: str) -> None:
    plain = [50.0, 51.0, 49.0, 50.5, 48.0]
    ours = [base + difference for base, difference in zip(plain, differences, strict=True)]
    found = judged(ours, plain, 1.0)
    interval = stats.ttest_rel(ours, plain).confidence_interval(0.90)
    assert found["interval_90"] == pytest.approx([interval.low, interval.high], abs=0.006)
    assert found["verdict"] == verdict


def test_one_pair_has_no_interval(judged: Any) -> None:
    with pytest.raises(ValueError, match="two pairs or more"):
        judged([1.0], [1.0], 1.0)
    with pytest.raises(ValueError, match="zip"):
        judged([1.0, 2.0], [1.0], 1.0)
