"""Encoded examples as flat arrays: a tokenize node stores them; training and prediction read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from layover.errors import DataError

Array = npt.NDArray[np.generic]

Per = Literal["token", "boundary", "row", "unit", "vocabulary"]


@dataclass(frozen=True)
class Column:
    """Type and size of one array of features."""

    dtype: type[np.generic]
    per: Per
    """The unit that has one value."""
    padding: float | None = None
    """Value on padding tokens; None if the array is no target of training."""
    wide: bool = False
    """Whether each unit has several values, (N, values)."""

    @property
    def target(self) -> bool:
        """Whether a training step receives the array."""
        return self.padding is not None


COMMON: Mapping[str, Column] = {
    "ids": Column(np.int32, "token"),
    "offsets": Column(np.int64, "boundary"),
    "example": Column(np.int32, "row"),
    "segments": Column(np.int8, "token"),
    "roles": Column(np.int8, "vocabulary"),
}
"""Arrays that features of any kind may have; each kind adds its own, `Kind.columns`."""
NO_COLUMNS: Mapping[str, Column] = MappingProxyType({})

STORED: dict[str, np.dtype[Any]] = {
    "I8": np.dtype(np.int8),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "F32": np.dtype(np.float32),
}
"""Name of a type in safetensors -> the type; features have no other types."""

NUMBERS = ("group", "hidden_percent")


@dataclass(frozen=True, eq=False)
class Features:
    """Encoded rows of one (task, split, language); a row is one encoder input, special tokens included.

    Rows follow one another without padding: row `i` is `ids[offsets[i]:offsets[i + 1]]`. `group` consecutive rows
    are one unit of training (the choices of one question; otherwise 1).

    required arrays:
        ids (tokens,) int32; offsets (rows + 1,) int64; example (rows,) int32, non-decreasing.
    optional arrays:
        segments (tokens,) int8: token type ids, only for tokenizers that have them.
        roles (vocabulary,) int8, of every token id: 0 = ordinary, 1 = special, 2 = the mask token; only for mlm.
        the arrays of the kind, see `columns`.
    """

    arrays: Mapping[str, Array]
    group: int = 1
    hidden_percent: int = 15
    """mlm: percentage of the tokens that the model predicts."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Description of the kind's own arrays: `Kind.columns`."""

    def __post_init__(self) -> None:
        for name in ("ids", "offsets", "example"):
            if name not in self.arrays:
                raise DataError(f"features: the array {name!r} is missing")
        if self.group < 1 or self.rows % self.group:
            raise DataError(f"features: {self.rows} rows do not divide into groups of {self.group}")
        offsets = self.arrays["offsets"]
        if len(offsets) == 0 or offsets[0] != 0 or bool((np.diff(offsets) < 0).any()):
            raise DataError("features: 'offsets' must start at 0 and must not decrease")
        sizes = {
            "token": int(offsets[-1]),
            "boundary": self.rows + 1,
            "row": self.rows,
            "unit": self.units,
            "vocabulary": len(self.arrays.get("roles", ())),
        }
        known = {**COMMON, **self.columns}
        for name, array in self.arrays.items():
            if name not in known:
                raise DataError(f"features: no array is called {name!r}; one of: {', '.join(known)}")
            column = known[name]
            shape = (sizes[column.per], *array.shape[1:2]) if column.wide else (sizes[column.per],)
            if array.dtype != np.dtype(column.dtype) or array.shape != shape or array.ndim != 1 + column.wide:
                raise DataError(
                    f"features: {name!r} is {array.dtype}{array.shape}, but should be "
                    f"{np.dtype(column.dtype)}{shape}, {'several values' if column.wide else 'one value'} "
                    f"per {column.per}"
                )

    @property
    def rows(self) -> int:
        """Number of encoder inputs."""
        return len(self.arrays["offsets"]) - 1

    @property
    def units(self) -> int:
        """Number of training units: rows divided by the group."""
        return self.rows // self.group

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each row, (rows,) int64."""
        return np.diff(self.arrays["offsets"]).astype(np.int64, copy=False)

    @cached_property
    def ordinary(self) -> npt.NDArray[np.int64]:
        """Ids of the ordinary tokens of the vocabulary, ascending; needs `roles`."""
        return np.flatnonzero(np.equal(self.arrays["roles"], 0))

    @cached_property
    def mask_token(self) -> int:
        """Id of the mask token; needs `roles`."""
        return int(np.flatnonzero(np.equal(self.arrays["roles"], 2))[0])

    @cached_property
    def first_equal(self) -> npt.NDArray[np.int64]:
        """For each row, the first row with the same tokens, (rows,) int64; with `roles`, each row itself.

        The hidden tokens depend on the row number, so with `roles` no two rows have the same input.
        """
        if "roles" in self.arrays:
            return np.arange(self.rows)
        offsets, ids, segments = self.arrays["offsets"], self.arrays["ids"], self.arrays.get("segments")
        seen: dict[tuple[bytes, bytes], int] = {}
        first = np.empty(self.rows, np.int64)
        for row, (start, end) in enumerate(pairwise(offsets.tolist())):
            types = b"" if segments is None else segments[start:end].tobytes()
            first[row] = seen.setdefault((ids[start:end].tobytes(), types), row)
        return first

    def length(self, row: int) -> int:
        """Return the number of tokens of one row."""
        offsets = self.arrays["offsets"]
        return int(offsets[row + 1] - offsets[row])

    def save(self, path: Path) -> None:
        """Write one `.safetensors` file; equal features give equal bytes."""
        arrays = {name: np.ascontiguousarray(self.arrays[name]) for name in sorted(self.arrays)}
        numbers = {name: getattr(self, name) for name in NUMBERS}
        # one entry, because the library writes several entries in random order
        save_file(arrays, path, metadata={"numbers": json.dumps(numbers)})

    @classmethod
    def load(cls, path: Path, columns: Mapping[str, Column] = NO_COLUMNS) -> Features:
        """Return the features of a file that `save` wrote, memory-mapped: processes share them, rows load on access.

        Args:
            path: The file.
            columns: The columns of the kind; without them, only the arrays in `COMMON` are read.

        Raises:
            DataError: the file is missing, or `save` did not write it.
        """
        try:
            with path.open("rb") as stream:
                size = int.from_bytes(stream.read(8), "little")
                header = json.loads(stream.read(min(size, path.stat().st_size)))
            numbers = json.loads(header.pop("__metadata__", {}).get("numbers", "{}"))
            wanted = {name: entry for name, entry in header.items() if name in COMMON or name in columns}
            arrays = {name: _mapped(path, name, 8 + size, entry) for name, entry in wanted.items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise DataError(f"{path}: not a readable features file ({error})") from error
        if set(numbers) != set(NUMBERS):
            raise DataError(f"{path}: not a features file: its metadata must have exactly {', '.join(NUMBERS)}")
        return cls(arrays, columns=columns, **numbers)


def _mapped(path: Path, name: str, begin: int, entry: Mapping[str, Any]) -> Array:
    """Return a memory-mapped array of a safetensors file; `Features` checks its type."""
    shape, (start, end) = tuple(map(int, entry["shape"])), entry["data_offsets"]
    dtype, count = STORED[entry["dtype"]], prod(shape)
    if end - start != count * dtype.itemsize or begin + end > path.stat().st_size:
        raise ValueError(f"the bytes of {name!r} do not hold {count} numbers")
    return np.memmap(path, dtype, "r", begin + start, shape) if count else np.empty(shape, dtype)
