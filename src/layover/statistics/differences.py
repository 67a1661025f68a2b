"""The difference of cells, with its variance over trainings and over test items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeedScores:
    """The scores of one cell."""

    seeds: Array
    """The score of each seed, (n,); (1,) if the cell does not depend on a seed."""
    items: Array | None
    """The contributions of groups of items to these scores, (n, GROUPS); NaN for a group without items. None if they
    are unknown."""
    seeded: bool = True
    """Whether the cell depends on a seed."""

    def spread_over(self, count: int) -> SeedScores:
        """Return the same scores for so many seeds, if the cell does not depend on a seed."""
        if self.seeded or len(self.seeds) == count:
            return self
        items = None if self.items is None else np.repeat(self.items[:1], count, axis=0)
        return SeedScores(np.repeat(self.seeds[:1], count), items, seeded=False)

    def minus(self, other: SeedScores) -> SeedScores:
        """Return the difference of two cells with the same seeds, as scores: a difference of these is an interaction.

        Raises:
            ValueError: both cells depend on seeds and have different numbers of them.
        """
        _, (own, without) = _same_seeds([self, other])
        seeds, seeded = own.seeds - without.seeds, self.seeded or other.seeded
        if own.items is None or without.items is None:
            return SeedScores(seeds, None, seeded)
        empty = np.isnan(own.items) & np.isnan(without.items)
        items = np.nan_to_num(own.items) - np.nan_to_num(without.items)
        return SeedScores(seeds, np.where(empty, np.nan, items), seeded)


@dataclass(frozen=True)
class Component:
    """A variance of a mean, with its degrees of freedom."""

    variance: float
    df: float


@dataclass(frozen=True)
class Difference:
    """A difference of cells: its mean over seeds, and what it varies over."""

    mean: float
    count: int
    """Number of seeds; the smallest number if the cells have different seeds."""
    trainings: tuple[Component, ...]
    """The variance of the mean over trainings: one component, or one for each cell if their seeds are not paired. Empty
    with a single seed, and if nothing is trained."""
    items: Array | None
    """The contributions of groups of items to the mean, (GROUPS,), NaN for groups without items; None if unknown."""

    @cached_property
    def over_items(self) -> Component | None:
        """The variance of the mean over test items; None if it is unknown."""
        if self.items is None:
            return None
        known = self.items[~np.isnan(self.items)]
        count = len(known)
        if count < 2:
            return None
        return Component(float(count * np.var(known, ddof=1)), count - 1)


def paired(terms: Sequence[tuple[float, SeedScores]]) -> Difference:
    """Return a difference whose cells have the same seeds: the seeds and the items are paired.

    Args:
        terms: Weight and scores of each cell; 1 and -1 for a difference, 1, -1, -1, 1 for a difference of differences.
            Cells without a seed fit any number of seeds.

    Raises:
        ValueError: two cells that depend on seeds have different numbers of them.
    """
    count, scores = _same_seeds([scores for _, scores in terms])
    same = [(weight, each) for (weight, _), each in zip(terms, scores, strict=True)]
    values = sum(weight * scores.seeds for weight, scores in same)
    seeded = any(scores.seeded for _, scores in same)
    trainings = (_component(np.asarray(values)),) if seeded and count > 1 else ()
    return Difference(float(np.mean(values)), count, trainings, _items(same))


def unpaired(terms: Sequence[tuple[float, SeedScores]]) -> Difference:
    """Return a difference whose cells have seeds of their own (Welch 1947); the items are paired.

    Args:
        terms: Weight and scores of each cell.
    """
    seeded = [(weight, scores) for weight, scores in terms if scores.seeded]
    parts = [(weight, _component(scores.seeds)) for weight, scores in seeded if len(scores.seeds) > 1]
    trainings = tuple(Component(weight**2 * part.variance, part.df) for weight, part in parts)
    mean = sum(weight * float(scores.seeds.mean()) for weight, scores in terms)
    count = min((len(scores.seeds) for _, scores in seeded), default=1)
    return Difference(mean, count, trainings if len(parts) == len(seeded) else (), _items(terms))


def _same_seeds(cells: Sequence[SeedScores]) -> tuple[int, list[SeedScores]]:
    """Return the number of seeds, and the scores of each cell for so many seeds."""
    count = max((len(scores.seeds) for scores in cells if scores.seeded), default=1)
    same = [scores.spread_over(count) for scores in cells]
    if any(len(scores.seeds) != count for scores in same):
        raise ValueError(f"the cells have {[len(scores.seeds) for scores in same]} seeds, so they are not paired")
    return count, same


def _component(values: Array) -> Component:
    """Return the variance of the mean of independent values."""
    return Component(float(values.var(ddof=1)) / len(values), len(values) - 1)


def _items(terms: Sequence[tuple[float, SeedScores]]) -> Array | None:
    """Return the contributions to the mean over seeds; a group is NaN only if no cell has items in it."""
    parts = [(weight, scores.items) for weight, scores in terms]
    known = [(weight, items) for weight, items in parts if items is not None]
    if len(known) < len(parts):
        return None
    empty = np.all([np.isnan(items).all(axis=0) for _, items in known], axis=0)
    total: Array = np.sum([weight * np.nan_to_num(items).mean(axis=0) for weight, items in known], axis=0)
    return np.where(empty, np.nan, total)
