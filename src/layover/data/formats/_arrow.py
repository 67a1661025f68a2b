"""Common code of Arrow and Parquet: batches of columns become rows, numbers of a ClassLabel become label names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from layover.data.formats import _signs
from layover.data.formats._files import COMPRESSIONS, open_bytes
from layover.data.formats._row import Row
from layover.errors import DataError
from layover.files.archives import archive_of

ROWS_AT_ONCE = 1000

_METADATA = b"huggingface"
"""Key of the schema metadata in which `datasets` describes the columns."""

Change = Callable[[Any], Any]


@contextmanager
def source(path: Path) -> Iterator[Any]:
    """Open a file, or a file in a zip archive, for pyarrow.

    Raises:
        DataError: the file cannot be read or has another format, here or while the block reads it.
    """
    import pyarrow as pa

    try:
        if archive_of(path) is None and path.suffix.lower() not in COMPRESSIONS:
            with pa.memory_map(str(path)) as file:
                yield file
        else:
            with open_bytes(path) as stream:
                yield pa.BufferReader(stream.read())
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: {_actual_format(path) or f'cannot be read: {_first(error)}'}") from error


def _actual_format(path: Path) -> str:
    """Return the actual format of a file according to its first bytes, with advice; empty if unknown."""
    with open_bytes(path) as stream:
        head = stream.peek(_signs.LONGEST)[: _signs.LONGEST]
    message = _signs.no_data(head) or _signs.binary(head)
    return "" if f"format: {_suffix(path)}" in message else message


def _suffix(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def rows(path: Path, schema: Any, batches: Iterable[Any]) -> Iterator[Row]:
    """Yield the rows of record batches.

    Args:
        path: The file.
        schema: Schema of pyarrow; its metadata may hold the features that `datasets` writes.
        batches: Record batches of pyarrow.

    Raises:
        DataError: two columns have the same name, or the features are damaged.
    """
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: has the column {twice[0]!r} twice; rename one")
    changes = _changes(path, schema)
    number = 0
    for batch in batches:
        for first in range(0, batch.num_rows, ROWS_AT_ONCE):
            for values in batch.slice(first, ROWS_AT_ONCE).to_pylist():
                number += 1
                for name, change in changes.items():
                    values[name] = change(values[name])
                yield Row(values, f"{path} row", number)


def _changes(path: Path, schema: Any) -> dict[str, Change]:
    """Return column -> function that replaces the numbers of a ClassLabel with their names.

    Raises:
        DataError: the features do not have the form that `datasets` writes.
    """
    try:
        features = json.loads((schema.metadata or {})[_METADATA])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    if features is None:
        return {}
    try:
        changes = {name: _change(features[name]) for name in schema.names if name in features}
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: the features in its metadata are damaged; save the data again") from error
    return {name: change for name, change in changes.items() if change is not None}


def _change(feature: Any) -> Change | None:
    """Return the function that puts label names into a value of a feature, or None if it has no ClassLabel."""
    if isinstance(feature, list) and len(feature) == 1:
        return _of_each(feature[0])
    if not isinstance(feature, dict):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel":
        names = feature["names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("names of a ClassLabel must be texts")
        return lambda value: names[value] if isinstance(value, int) and 0 <= value < len(names) else value
    if kind in {"List", "LargeList", "Sequence"}:
        inner = feature.get("feature")
        if kind == "Sequence" and isinstance(inner, dict) and "_type" not in inner:  # a dict of lists
            return _of_fields({name: {"_type": "List", "feature": item} for name, item in inner.items()})
        return _of_each(inner)
    return None if kind is not None else _of_fields(feature)


def _of_each(feature: Any) -> Change | None:
    change = _change(feature)
    if change is None:
        return None
    return lambda values: [change(value) for value in values] if isinstance(values, list) else values


def _of_fields(features: dict[str, Any]) -> Change | None:
    every = {name: _change(feature) for name, feature in features.items()}
    changes = {name: change for name, change in every.items() if change is not None}
    if not changes:
        return None

    def changed(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {**values, **{name: change(values[name]) for name, change in changes.items() if name in values}}

    return changed


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]
