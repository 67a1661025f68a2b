"""The scores of a group of seeds with their items, as statistics takes them, and the difference of two groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from layover.records import Record
from layover.statistics import Difference, SeedScores, paired

Array = npt.NDArray[np.float64]
Items = Mapping[str, Array]
"""Language -> what groups of items contribute to each score, (metrics, GROUPS); `layover.steps.items` writes it."""
Scored = tuple[Record, Items | None]
"""The record of a cell, and its items; None if they are unknown."""


def difference_of(
    pairs: Sequence[tuple[Scored, Scored]], metric: str, *, zero_shot: bool, seeded: tuple[bool, bool] = (True, True)
) -> Difference:
    """Return the difference between the cells of a group and the cells that they are compared with.

    Args:
        pairs: For each seed the two cells, which are scored over the same languages.
        metric: The metric.
        zero_shot: Whether to average only zero-shot languages.
        seeded: Whether the two sides depend on a seed.
    """
    sides = [
        seed_scores([pair[side] for pair in pairs], metric, zero_shot=zero_shot, seeded=seeded[side]) for side in (0, 1)
    ]
    return paired([(1.0, sides[0]), (-1.0, sides[1])])


def seed_scores(cells: Sequence[Scored], metric: str, *, zero_shot: bool, seeded: bool) -> SeedScores:
    """Return the scores of a group of seeds.

    Args:
        cells: The scored cell of each seed.
        metric: The metric.
        zero_shot: Whether to average only zero-shot languages.
        seeded: Whether the cells depend on a seed.
    """
    means = [record.mean(metric, zero_shot=zero_shot) for record, _ in cells]
    items = [mean_items(record, items, metric, zero_shot=zero_shot) for record, items in cells]
    known = [each for each in items if each is not None]
    return SeedScores(
        seeds=np.array(means, np.float64), items=np.stack(known) if len(known) == len(cells) else None, seeded=seeded
    )


def mean_items(record: Record, items: Items | None, metric: str, *, zero_shot: bool) -> Array | None:
    """Return what groups of items contribute to the mean over languages, (GROUPS,); None if it is unknown.

    A group is NaN if no language has items in it.
    """
    names = record.averaged(zero_shot=zero_shot)
    if not names or items is None or any(name not in items for name in names):
        return None
    place = record.metrics.index(metric)
    each = np.array([items[name][place] for name in names])  # (languages, GROUPS)
    empty = np.isnan(each)
    if empty.all(axis=1).any():
        return None
    mean: Array = np.where(empty, 0.0, each).mean(axis=0)
    return np.where(empty.all(axis=0), np.nan, mean)
