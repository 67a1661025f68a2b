"""Neighbours equal a brute-force search, however the work is cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layover.errors import DataError
from layover.execution import Execution
from layover.inference import neighbours
from layover.inference.neighbours import both_ways

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
@pytest.mark.parametrize("side", [None, 256, 7])
@pytest.mark.parametrize("k", [1, 4])
def test_equal_to_brute_force_in_any_blocks(left: int, right: int, side: int | None, k: int) -> None:
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


@pytest.mark.parametrize("side", [None, 2, 1])
def test_of_equally_near_ones_the_earlier_stands_first(side: int | None) -> None:
    one, other = [1.0, 0.0], [0.0, 1.0]
    queries = np.array([one, other], np.float32)
    base = np.array([other, one, one, other, one], np.float32)  # every product is exactly 0 or 1
    forward, _ = both_ways(queries, base, execution=CPU, side=side)
    assert forward.index.tolist() == [[1, 2, 4, 0], [0, 3, 1, 2]]
    assert forward.similarity.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize("side", [None, 300, 97])
@pytest.mark.parametrize("k", [1, 4, 9])
def test_the_earlier_one_among_many_that_are_equally_near(side: int | None, k: int) -> None:
    """Corners of a cube: every product is exactly -1, -0.5, 0, 0.5 or 1, and each row stands there many times."""
    random = np.random.default_rng(3)
    one, two = (random.choice([-1.0, 1.0], (count, 4)).astype(np.float32) for count in (650, 420))
    for found, (queries, base) in zip(
        both_ways(one, two, execution=CPU, k=k, side=side), ((one, two), (two, one)), strict=True
    ):
        similarity, index = brute_force(queries, base, k)
        assert np.array_equal(found.index, index)
        assert np.array_equal(found.similarity, similarity)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    dimensions=st.sampled_from([1, 4, 16]),
    k=st.integers(1, 7),
    side=st.integers(1, 330),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_size_equals_brute_force_with_ties(
    counts: tuple[int, int], dimensions: int, k: int, side: int, seed: int
) -> None:
    """Corners of a cube of 1, 4 or 16 dimensions: products are exact, and most of them are equal to others."""
    random = np.random.default_rng(seed)
    left, right = (random.choice([-1.0, 1.0], (count, dimensions)).astype(np.float32) for count in counts)
    ways = both_ways(left, right, execution=CPU, k=k, side=max(side, max(counts) // 8))
    for nearest, (queries, base) in zip(ways, ((left, right), (right, left)), strict=True):
        similarity, index = brute_force(queries, base, k)
        assert np.array_equal(nearest.index, index)
        assert np.array_equal(nearest.similarity, similarity)


@pytest.mark.parametrize("free", [0, 5000, 10**9])
def test_blocks_that_stay_on_an_accelerator_do_not_show(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one block, of a few blocks, and of all of them."""
    random = np.random.default_rng(5)
    left, right = (random.choice([-1.0, 1.0], (count, 4)).astype(np.float32) for count in (230, 190))
    expected = both_ways(left, right, execution=CPU, side=40)
    lengths: list[int] = []

    def runs(rows: torch.Tensor, side: int, _device: torch.device) -> Iterator[dict[int, torch.Tensor]]:
        # the CPU in the role of an accelerator: only the type of the device decides
        for run in real(rows, side, torch.device("meta")):
            lengths.append(len(run))
            yield {start: rows[start : start + len(block)] for start, block in run.items()}

    real = neighbours._runs
    monkeypatch.setattr(neighbours, "_runs", runs)
    monkeypatch.setattr(neighbours, "free_bytes", lambda _device: free)
    for nearest, plain in zip(both_ways(left, right, execution=CPU, side=40), expected, strict=True):
        assert np.array_equal(nearest.index, plain.index)
        assert np.array_equal(nearest.similarity, plain.similarity)
    # a block has 40 rows of 16 bytes
    assert lengths == {0: [1] * 6, 5000: [3, 3], 10**9: [6]}[free]


def test_a_run_is_dropped_before_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs together would take all free memory of an accelerator."""
    present: list[int] = []
    held: list[dict[int, torch.Tensor]] = []

    def copied(tensor: torch.Tensor, _device: torch.device) -> torch.Tensor:
        present.append(sum(len(run) for run in held))
        return tensor

    monkeypatch.setattr(neighbours, "to_device", copied)
    monkeypatch.setattr(neighbours, "free_bytes", lambda _device: 5000)
    for run in neighbours._runs(torch.zeros(230, 4), 40, torch.device("meta")):
        held.append(run)
        assert len(run) == 3
    assert present == [0] * 6


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
