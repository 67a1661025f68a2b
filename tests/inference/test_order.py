"""Steps of an epoch and their cut into micro-batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover.data.features import Features
from layover.inference.order import (
    micro_batches,
    padded_tokens,
    padding,
    prediction_batches,
    steps_of_epoch,
    turns_of_epoch,
    unit_lengths,
)


def features(lengths: list[int], group: int = 1) -> Features:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.arange(offsets[-1], dtype=np.int32)
    return Features({"ids": ids, "offsets": offsets, "example": np.arange(len(lengths), dtype=np.int32)}, group)


def spread(rows: int = 1000) -> Features:
    random = np.random.default_rng(0)
    return features([int(value) for value in np.clip(random.gamma(4, 9.7, rows), 4, 128)])


def lists(steps: list[np.ndarray]) -> list[list[int]]:
    return [step.tolist() for step in steps]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(2, 40), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(0, 2**40),
    st.integers(0, 50),
    st.integers(1, 5),
)
def test_every_unit_comes_once_in_steps_of_exactly_a_batch(
    lengths: list[int], batch: int, seed: int, epoch: int, bucket: int
) -> None:
    data = features(lengths)
    steps = steps_of_epoch(data, batch=batch, seed=seed, epoch=epoch, bucket=bucket)
    assert sorted(np.concatenate(steps).tolist()) == list(range(len(lengths)))
    assert sorted(map(len, steps))[1:] == [batch] * (len(steps) - 1)
    assert lists(steps) == lists(steps_of_epoch(data, batch=batch, seed=seed, epoch=epoch, bucket=bucket))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(2, 40), min_size=2, max_size=60), st.integers(1, 200), st.sampled_from([1, 2]))
def test_micro_batches_cover_the_step_within_the_budget(lengths: list[int], budget: int, group: int) -> None:
    data = features(lengths[: len(lengths) // group * group], group)
    units = np.arange(data.units)
    pieces = micro_batches(data, units, max_tokens=budget)
    assert sorted(np.concatenate(pieces).tolist()) == units.tolist()
    assert all(len(piece) == 1 or padded_tokens(data, piece) <= budget for piece in pieces)


def test_the_order_of_a_seed_is_fixed_for_ever() -> None:
    """Trainings of different versions of numpy and Layover must see the same order."""
    data = features([3, 9, 4, 8, 5, 7, 6, 5, 2, 2])
    assert lists(steps_of_epoch(data, batch=3, seed=1, epoch=0, bucket=2)) == EXPECTED
    assert lists(steps_of_epoch(data, batch=3, seed=1, epoch=1, bucket=2)) != EXPECTED
    assert lists(steps_of_epoch(data, batch=3, seed=2, epoch=0, bucket=2)) != EXPECTED


EXPECTED = [[9, 0, 2], [1], [8, 4, 6], [7, 5, 3]]


def test_buckets_save_padding() -> None:
    data = spread()
    plain = padding(data, steps_of_epoch(data, batch=16, seed=0, epoch=0, bucket=1))
    sorted_ones = padding(data, steps_of_epoch(data, batch=16, seed=0, epoch=0, bucket=16))
    assert sorted_ones < 1.2
    assert plain > 1.5


def test_batches_are_drawn_at_random_unless_a_recipe_says_otherwise() -> None:
    """Sorted, a small data set has nearly the same batches in every epoch, which costs points."""
    data = spread(400)

    def together(epoch: int, **bucket: int) -> set[tuple[int, int]]:
        steps = steps_of_epoch(data, batch=32, seed=0, epoch=epoch, **bucket)
        return {(one, other) for step in lists(steps) for one in step for other in step if one < other}

    drawn, again = together(0), together(1)
    chance = 31 / 399  # that two units of one batch are together in the next epoch, too
    assert abs(len(drawn & again) / len(drawn) - chance) < 0.02
    assert drawn == together(0, bucket=1)
    kept, kept_again = together(0, bucket=16), together(1, bucket=16)
    assert len(kept & kept_again) / len(kept) > 0.5


def test_the_longest_row_of_a_unit_counts() -> None:
    assert unit_lengths(features([3, 9, 4, 8], 2), np.array([1, 0])).tolist() == [8, 9]


def test_predictions_go_from_long_to_short_over_rows() -> None:
    data = features([3, 9, 4, 8], 2)
    assert lists(prediction_batches(data, max_tokens=18)) == [[1, 3], [2, 0]]
    assert lists(prediction_batches(data, max_tokens=1)) == [[1], [3], [2], [0]]


@pytest.mark.parametrize("rows", [0])
def test_nothing_makes_no_steps(rows: int) -> None:
    assert steps_of_epoch(features([]), batch=4, seed=0, epoch=0) == []
    assert prediction_batches(features([]), max_tokens=4) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**40), st.integers(0, 50))
def test_every_training_set_has_its_turns(steps: list[int], seed: int, epoch: int) -> None:
    turns = turns_of_epoch(steps, seed=seed, epoch=epoch)
    assert np.bincount(turns, minlength=len(steps)).tolist() == steps
    assert turns.tolist() == turns_of_epoch(steps, seed=seed, epoch=epoch).tolist()


def test_the_turns_of_a_seed_are_fixed_for_ever() -> None:
    first, second = (turns_of_epoch([4, 3, 2], seed=7, epoch=epoch).tolist() for epoch in (0, 1))
    assert (first, second) == ([0, 1, 2, 2, 0, 0, 1, 0, 1], [0, 0, 1, 0, 2, 1, 0, 2, 1])
    assert turns_of_epoch([4, 3, 2], seed=8, epoch=0).tolist() != first
