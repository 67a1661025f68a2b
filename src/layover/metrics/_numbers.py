"""What the metrics of numbers share: predictions and golds as arrays, and the borders of a correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from layover.errors import DataError, UndefinedError
from layover.metrics._metric import paired

Numbers = npt.NDArray[np.float64]


def numbers(predictions: Sequence[float], golds: Sequence[float]) -> tuple[Numbers, Numbers]:
    """Return predictions and golds, (N,) each.

    Raises:
        DataError: they are not equally many, or none; one of them is NaN or infinite.
    """
    both = np.array(paired(predictions, golds), np.float64)
    if not np.isfinite(both).all():
        place, side = np.argwhere(~np.isfinite(both))[0]
        raise DataError(f"the {('prediction', 'gold')[side]} of example {place + 1} is {both[place, side]}, no number")
    return both[:, 0], both[:, 1]


def varied(predictions: Sequence[float], golds: Sequence[float], name: str) -> tuple[Numbers, Numbers]:
    """Return predictions and golds as a correlation needs them: neither is one number everywhere.

    Raises:
        DataError: see `numbers`.
        UndefinedError: there is one example only, or every prediction, or every gold, is the same number.
    """
    said, wanted = numbers(predictions, golds)
    if len(said) < 2:
        raise UndefinedError(f"{name} is undefined: it needs two examples, and there is one")
    for values, side in ((said, "prediction"), (wanted, "gold")):
        if (values == values[0]).all():
            raise UndefinedError(f"{name} is undefined: every {side} is {values[0]:.6g}")
    return said, wanted
