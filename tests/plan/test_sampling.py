"""Steps of the tasks of a mixture, from sizes alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover.specs import Sampling

TASKS = st.lists(st.tuples(st.integers(1, 5000), st.floats(0.1, 10)), min_size=1, max_size=8)
SAMPLING = st.builds(Sampling, exponent=st.floats(0, 2), cap=st.none() | st.integers(1, 3000))


@settings(max_examples=200, deadline=None)
@given(TASKS, SAMPLING, st.integers(1, 64))
def test_an_epoch_is_shared_out_whole_and_near_the_shares(
    tasks: list[tuple[int, float]], sampling: Sampling, batch: int
) -> None:
    units, weights = (list(column) for column in zip(*tasks, strict=True))
    steps, shares = sampling.steps(units, weights, batch=batch), sampling.shares(units, weights)
    total = sum(math.ceil(min(count, sampling.cap or count) / batch) for count in units)
    assert sum(steps) == total
    assert min(steps) >= 1
    assert math.isclose(sum(shares), 1)
    starved = sum(share * total < 1 for share in shares)
    for count, share in zip(steps, shares, strict=True):
        # one step of rounding, and what was given to those who would have had none
        assert -1 - starved < count - share * total <= 1 + 1e-6, (steps, shares)


@settings(max_examples=100, deadline=None)
@given(TASKS, SAMPLING, st.randoms(use_true_random=False))
def test_shares_go_with_the_task_wherever_it_stands(
    tasks: list[tuple[int, float]], sampling: Sampling, random: object
) -> None:
    shuffled = list(tasks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def by_task(order: list[tuple[int, float]]) -> list[tuple[int, float, float]]:
        shares = sampling.shares([units for units, _ in order], [weight for _, weight in order])
        return sorted((*task, round(share, 9)) for task, share in zip(order, shares, strict=True))

    assert by_task(tasks) == by_task(shuffled)


@pytest.mark.parametrize(
    ("sampling", "weights", "expected"),
    [
        (Sampling(1.0, None), (1, 1), [90, 10]),
        (Sampling(0.0, None), (1, 1), [50, 50]),
        (Sampling(0.5, None), (1, 1), [75, 25]),  # roots of 9 and 1
        (Sampling(1.0, 100), (1, 1), [10, 10]),  # the larger one counts as the smaller
        (Sampling(0.0, None), (3, 1), [75, 25]),
        (Sampling(1.0, None), (1, 9), [50, 50]),
    ],
)
def test_known_shares(sampling: Sampling, weights: tuple[float, ...], expected: list[int]) -> None:
    assert sampling.steps([900, 100], weights, batch=10) == expected


def test_a_small_task_has_its_step_and_the_first_of_equals_the_odd_one() -> None:
    assert Sampling(1.0, None).steps([10_000, 1, 1], (1, 1, 1), batch=10) == [1000, 1, 1]
    assert Sampling(0.0, None).steps([10, 10, 20], (1, 1, 1), batch=10) == [2, 1, 1]
