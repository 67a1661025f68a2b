"""Arrays of features and of outputs: rows laid one after another, outputs that are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.errors import ModelError


def finite(outputs: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an output of the model, checked.

    Raises:
        ModelError: it is missing, has another shape, or holds NaN or infinity: no prediction follows from it.
    """
    if name not in outputs:
        raise ModelError(f"the model's outputs lack {name!r}; there: {', '.join(outputs)}")
    array = outputs[name]
    if array.shape != shape:
        raise ModelError(f"the model's {name!r} has the shape {array.shape}, but {shape} is needed")
    if not bool(np.isfinite(array).all()):
        raise ModelError(f"the model's {name!r} holds NaN or infinity: the training has diverged")
    return array


def columns(rows: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return the rows one after another."""
    return np.concatenate(rows).astype(dtype, copy=False) if rows else np.zeros(0, dtype)


def flat(
    rows: Sequence[npt.NDArray[Any]], owner: Sequence[int], segments: Sequence[npt.NDArray[Any] | None] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that features always have, and `segments` where the tokenizer gives token types.

    Args:
        rows: Ids of each row.
        owner: Number of the example that each row belongs to.
        segments: Token types of each row, None for a tokenizer without them.
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": columns(rows, np.int32),
        "offsets": boundaries(rows),
        "example": np.array(owner, np.int32),
    }
    known = [types for types in segments if types is not None]
    return {**arrays, "segments": columns(known, np.int8)} if known else arrays


def boundaries(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return where each row starts, and the end of the last: (rows + 1,)."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return offsets
