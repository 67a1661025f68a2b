"""Arrays of features, whose rows follow one another, and checks of the outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from layover.errors import ModelError


def finite(outputs: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return one output of the model after checking it.

    Raises:
        ModelError: the output is missing, has another shape, or contains NaN or infinity.
    """
    if name not in outputs:
        raise ModelError(f"the outputs of the model lack {name!r}; its outputs are {', '.join(outputs)}")
    array = outputs[name]
    if array.shape != shape:
        raise ModelError(
            f"the output {name!r} of the model has the shape {array.shape}, but must have the shape {shape}"
        )
    if not bool(np.isfinite(array).all()):
        raise ModelError(f"the output {name!r} of the model contains NaN or infinity: the training has diverged")
    return array


def columns(rows: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return the rows joined into one array."""
    return np.concatenate(rows).astype(dtype, copy=False) if rows else np.zeros(0, dtype)


def flat(
    rows: Sequence[npt.NDArray[Any]], owner: Sequence[int], segments: Sequence[npt.NDArray[Any] | None] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that all features have, and `segments` if the tokenizer returns token types.

    Args:
        rows: Token ids of each row.
        owner: Number of the example that each row belongs to.
        segments: Token types of each row; None if the tokenizer has none.
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": columns(rows, np.int32),
        "offsets": boundaries(rows),
        "example": np.array(owner, np.int32),
    }
    known = [types for types in segments if types is not None]
    return {**arrays, "segments": columns(known, np.int8)} if known else arrays


def boundaries(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return the start of each row, and the end of the last row: (rows + 1,)."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return offsets
