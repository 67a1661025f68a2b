"""What test items contribute to a score, in groups of items: a jackknife that fits every metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

GROUPS = 50
"""Number of groups of items. More groups cost more scores, fewer groups make the variance less certain."""


def slots(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the group of each item, (N,), from a hash of its name.

    Equal names are in one group: the questions about one paragraph, and the translations of one item.
    """
    return np.array([crc32(name.encode("utf-8", "surrogatepass")) % GROUPS for name in names], np.int64)


def contributions(
    whole: float, without: Callable[[npt.NDArray[np.bool_]], float], groups: npt.NDArray[np.int64]
) -> Array:
    """Return the contribution of each group of items to a score, (GROUPS,), in the unit of the score.

    For a mean over items it is the sum over the group of (value - mean), divided by the number of items. For another
    metric it is the same to first order: (1 - w) (score - score without the group), where w is the group's share of the
    items. A group without items is NaN. With all items in one group, all are NaN.

    Source: the jackknife with unequal groups, Busing, Meijer and van der Leeden 1999.

    Args:
        whole: The score of all items.
        without: Returns the score of the items where the array, (N,), is true.
        groups: The group of each item, (N,).
    """
    result = np.full(GROUPS, np.nan)
    present = np.unique(groups)
    if len(present) < 2:
        return result
    for number in present:
        kept = groups != number
        result[number] = kept.mean() * (whole - without(kept))
    return result
