"""The units of each step, and the split of a step into micro-batches that fit into memory.

A *unit* is one item of the loss: a row, or the rows of one question with choices. The units of a step depend only on
settings of the identity (batch, seed, epoch, bucket). The split into micro-batches depends on memory and affects only
rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from layover.data.features import Features

Index = npt.NDArray[np.int64]


def offsets_of(features: Features) -> Index:
    """Return the start of each row in the flat arrays, and the end of the last row, (rows + 1,) int64."""
    return cast(Index, features.arrays["offsets"])


def unit_rows(units: Index, group: int) -> Index:
    """Return the rows of units, (units, group) int64."""
    return units[:, None] * group + np.arange(group)


def row_lengths(features: Features, rows: Index) -> Index:
    """Return the number of tokens of rows, in the shape of `rows`, int64."""
    offsets = offsets_of(features)
    return offsets[rows + 1] - offsets[rows]


def unit_lengths(features: Features, units: Index) -> Index:
    """Return the number of tokens of the longest row of each unit, (units,) int64."""
    longest: Index = row_lengths(features, unit_rows(units, features.group)).max(axis=1)
    return longest


def steps_of_epoch(features: Features, *, batch: int, seed: int, epoch: int, bucket: int = 1) -> list[Index]:
    """Return the optimizer steps of an epoch: arrays of unit indices, every unit exactly once.

    The units are shuffled and cut into buckets of `bucket * batch`; each bucket is sorted by length and cut into
    batches of exactly `batch` units (the very last batch may be smaller); the batches are shuffled. Shuffling sorts
    the raw output of the counter-based generator Philox, keyed by (seed, epoch): numpy guarantees that this stream is
    the same in all versions, but not the stream of its `permutation`.

    Args:
        features: The training set.
        batch: Units of a step.
        seed: Seed of the run, from 0 on.
        epoch: Number of the epoch, from 0 on.
        bucket: Number of batches that are sorted together; 1 is plain shuffling.
    """
    bits = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64))
    order = _shuffled(bits, features.units)
    longest = unit_lengths(features, np.arange(features.units))
    steps = []
    for start in range(0, len(order), bucket * batch):
        part = order[start : start + bucket * batch]
        part = part[np.argsort(longest[part], kind="stable")]
        steps += [part[first : first + batch] for first in range(0, len(part), batch)]
    return [steps[position] for position in _shuffled(bits, len(steps))]


def turns_of_epoch(steps: Sequence[int], *, seed: int, epoch: int) -> Index:
    """Return the index of the training set of each step of an epoch, (sum of steps,) int64.

    They are shuffled as in `steps_of_epoch`, with a separate part of the stream.

    Args:
        steps: Number of steps of each training set in an epoch.
        seed: Seed of the run, from 0 on.
        epoch: Number of the epoch, from 0 on.
    """
    key = np.array([seed, epoch], dtype=np.uint64)
    turns: Index = np.repeat(np.arange(len(steps)), steps)
    return turns[_shuffled(np.random.Philox(key=key, counter=[0, 0, 0, 1]), len(turns))]


def _shuffled(bits: np.random.Philox, count: int) -> Index:
    return np.argsort(bits.random_raw(count), kind="stable") if count else np.empty(0, np.int64)


def micro_batches(features: Features, units: Index, *, max_tokens: int) -> list[Index]:
    """Split a step by padded tokens (rows x longest row); units stay whole, and the longest come first.

    A unit that is larger than `max_tokens` is a micro-batch of its own.
    """
    return _cut(units, unit_lengths(features, units), features.group, max_tokens)


def prediction_batches(features: Features, *, max_tokens: int, only: Index | None = None) -> list[Index]:
    """Return batches of all *rows* (not units), or of `only`, from long to short, split by padded tokens."""
    rows = np.arange(features.rows) if only is None else only
    return _cut(rows, row_lengths(features, rows), 1, max_tokens)


def _cut(items: Index, longest: Index, rows_each: int, max_tokens: int) -> list[Index]:
    order = np.argsort(-longest, kind="stable")
    items, longest = items[order], longest[order]
    pieces = []
    start = 0
    while start < len(items):
        # the first is the longest of the rest, so it alone decides the padding
        size = max(1, max_tokens // (rows_each * max(1, int(longest[start]))))
        pieces.append(items[start : start + size])
        start += size
    return pieces


def padded_tokens(features: Features, units: Index) -> int:
    """Return rows x longest row for units that are padded together."""
    return len(units) * features.group * int(unit_lengths(features, units).max(initial=0))


def real_tokens(features: Features, units: Index) -> int:
    """Return the number of tokens of units without padding."""
    return int(row_lengths(features, unit_rows(units, features.group)).sum())


def padding(features: Features, steps: Iterable[Index]) -> float:
    """Return padded tokens divided by real tokens, summed over steps; at least 1."""
    padded = real = 0
    for units in steps:
        padded += padded_tokens(features, units)
        real += real_tokens(features, units)
    return padded / max(1, real)
