"""What Arrow and Parquet files share: batches of columns become rows, numbers of a ClassLabel their names."""

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
"""Where `datasets` keeps what its columns are."""

Change = Callable[[Any], Any]


@contextmanager
def source(path: Path) -> Iterator[Any]:
    """Open what pyarrow reads from: a file, or one in a zip archive.

    Raises:
        DataError: it cannot be read, or is not of the format, here or while the block reads it.
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
        raise DataError(f"{path}: {_told(path) or f'cannot be read: {_first(error)}'}") from error


def _told(path: Path) -> str:
    """Return what the first bytes tell of a file that is not of the format; empty where they do not."""
    with open_bytes(path) as stream:
        head = stream.peek(_signs.LONGEST)[: _signs.LONGEST]
    words = _signs.no_data(head) or _signs.binary(head)
    return "" if f"format: {_suffix(path)}" in words else words


def _suffix(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def rows(path: Path, schema: Any, batches: Iterable[Any]) -> Iterator[Row]:
    """Yield the rows of record batches.

    Args:
        path: The file.
        schema: Of pyarrow; its metadata may hold the features that `datasets` writes.
        batches: Of pyarrow.

    Raises:
        DataError: a column stands twice, or the features are damaged.
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
    """Return for each column with numbers of a ClassLabel how its values become names.

    Raises:
        DataError: the features are none that `datasets` writes.
    """
    try:
        features = json.loads((schema.metadata or {})[_METADATA])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    if features is None:
        return {}
    try:
        found = {name: _change(features[name]) for name in schema.names if name in features}
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: its features, as `datasets` writes them, are damaged; save the data again") from error
    return {name: change for name, change in found.items() if change is not None}


def _change(feature: Any) -> Change | None:
    """Return how a value of a feature becomes one with names, None where there are none in it."""
    if isinstance(feature, list) and len(feature) == 1:
        return _of_each(feature[0])
    if not isinstance(feature, dict):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel":
        names = feature["names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("names of a ClassLabel are texts")
        return lambda value: names[value] if isinstance(value, int) and 0 <= value < len(names) else value
    if kind in {"List", "LargeList", "Sequence"}:
        inner = feature.get("feature")
        if kind == "Sequence" and isinstance(inner, dict) and "_type" not in inner:  # a dict of lists
            return _of_fields({name: {"_type": "List", "feature": one} for name, one in inner.items()})
        return _of_each(inner)
    return None if kind is not None else _of_fields(feature)


def _of_each(feature: Any) -> Change | None:
    change = _change(feature)
    if change is None:
        return None
    return lambda values: [change(value) for value in values] if isinstance(values, list) else values


def _of_fields(features: dict[str, Any]) -> Change | None:
    found = {name: _change(feature) for name, feature in features.items()}
    changes = {name: change for name, change in found.items() if change is not None}
    if not changes:
        return None

    def changed(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {**values, **{name: one(values[name]) for name, one in changes.items() if name in values}}

    return changed


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]
