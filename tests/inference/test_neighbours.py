"""Neighbours equal a brute-force search, however the work is cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from layover.errors import DataError
from layover.execution import Execution
from layover.inference.neighbours import SIDE, both_ways

CPU = Execution(device="cpu")
Rows = npt.NDArray[np.float32]


def rows(count: int, seed: int) -> Rows:
    return np.random.default_rng(seed).normal(size=(count, 12)).astype(np.float32)


def brute_force(queries: Rows, base: Rows, k: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    one, two = (x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1)[:, None] for x in (queries, base))
    cosine = one @ two.T
    index = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosine, index, axis=1), index


@pytest.mark.parametrize(("left", "right"), [(31, 44), (700, 301)])
@pytest.mark.parametrize("side", [SIDE, 256, 7])
@pytest.mark.parametrize("k", [1, 4])
def test_equal_to_brute_force_in_any_blocks(left: int, right: int, side: int, k: int) -> None:
    one, two = rows(left, 1), rows(right, 2)
    for found, (queries, base) in zip(
        both_ways(one, two, execution=CPU, k=k, side=side), ((one, two), (two, one)), strict=True
    ):
        similarity, index = brute_force(queries, base, k)
        assert np.array_equal(found.index, index)
        assert np.abs(found.similarity - similarity).max() < 1e-6


def test_fewer_sentences_than_neighbours() -> None:
    forward, backward = both_ways(rows(2, 1), rows(3, 2), execution=CPU)
    assert (forward.index.shape, backward.index.shape) == ((2, 3), (3, 2))


@pytest.mark.parametrize("side", [SIDE, 2, 1])
def test_of_equally_near_ones_the_earlier_stands_first(side: int) -> None:
    one, other = [1.0, 0.0], [0.0, 1.0]
    queries = np.array([one, other], np.float32)
    base = np.array([other, one, one, other, one], np.float32)  # every product is exactly 0 or 1
    forward, _ = both_ways(queries, base, execution=CPU, side=side)
    assert forward.index.tolist() == [[1, 2, 4, 0], [0, 3, 1, 2]]
    assert forward.similarity.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize("side", [SIDE, 300, 97])
@pytest.mark.parametrize("k", [1, 4, 9])
def test_the_earlier_one_among_many_that_are_equally_near(side: int, k: int) -> None:
    """Corners of a cube: every product is exactly -1, -0.5, 0, 0.5 or 1, and each row stands there many times."""
    random = np.random.default_rng(3)
    one, two = (random.choice([-1.0, 1.0], (count, 4)).astype(np.float32) for count in (650, 420))
    for found, (queries, base) in zip(
        both_ways(one, two, execution=CPU, k=k, side=side), ((one, two), (two, one)), strict=True
    ):
        similarity, index = brute_force(queries, base, k)
        assert np.array_equal(found.index, index)
        assert np.array_equal(found.similarity, similarity)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    left, right = rows(9, 1), rows(8, 2)
    plain, _ = both_ways(left, right, execution=CPU)
    scaled, _ = both_ways(left * 7, right * np.arange(1, 9, dtype=np.float32)[:, None], execution=CPU)
    assert np.array_equal(plain.index, scaled.index)


def test_an_embedding_without_a_direction_is_refused() -> None:
    left = rows(3, 1)
    left[1] = 0
    with pytest.raises(DataError, match="an embedding is zero"):
        both_ways(left, rows(3, 2), execution=CPU)
