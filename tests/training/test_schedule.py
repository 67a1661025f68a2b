"""Learning rates and evaluations from the step number."""

from __future__ import annotations

import math

import pytest

from layover.specs import Hyperparameters
from layover.training import Schedule


def schedule(units: int = 100, every: int | None = None, **changes: object) -> Schedule:
    settings: dict[str, object] = {"lr": 1.0, "epochs": 2, "batch": 10, "seed": 0, **changes}
    found = Hyperparameters(**settings)  # type: ignore[arg-type]
    return Schedule(found, math.ceil(units / found.batch), every)


def test_warm_up_rises_to_the_peak_and_falls_to_zero() -> None:
    found = schedule(warmup=0.2)
    assert (found.steps_per_epoch, found.total, found.warmup) == (10, 20, 4)
    rates = [found.lr(step) for step in range(20)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5:] == pytest.approx([(20 - step) / 16 for step in range(5, 20)])
    assert found.lr(20) == 0


@pytest.mark.parametrize(("warmup", "steps"), [(0, 0), (0.06, 2), (1, 1), (7, 7), (0.1, 2)])
def test_warm_up_is_a_share_or_a_number(warmup: float, steps: int) -> None:
    assert schedule(warmup=warmup).warmup == steps


def test_a_warm_up_longer_than_the_run_never_reaches_the_peak() -> None:
    found = schedule(warmup=50)
    assert all(0 < found.lr(step) < 1 for step in range(found.total))


@pytest.mark.parametrize(
    ("units", "epochs", "total"), [(101, 1, 11), (100, 0.1, 1), (300, 0.1, 3), (100, 2.55, 26), (3, 0.01, 1)]
)
def test_steps_of_broken_epochs(units: int, epochs: float, total: int) -> None:
    assert schedule(units, epochs=epochs).total == total


def test_evaluations() -> None:
    whole, every = schedule(epochs=2.5), schedule(every=6)
    assert [step for step in range(1, 26) if whole.evaluates_after(step)] == [10, 20, 25]
    assert [step for step in range(1, 21) if every.evaluates_after(step)] == [6, 12, 18, 20]
