"""A JSON list of objects, as SciQ is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._json import read_json
from layover.data.formats._layout import Layout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield one row per object.

    Raises:
        DataError: not JSON, no list, or an item that is no object.
    """
    items = read_json(path, layout)
    if not isinstance(items, list):
        raise DataError(f"{path}: a JSON {type(items).__name__}, but a list of objects is needed")
    for number, values in enumerate(items, 1):
        row = Row(values, f"{path} item", number)
        if not isinstance(values, dict):
            raise DataError(f"{row.where()}: a JSON {type(values).__name__}, but an object is needed")
        yield row


FORMAT = read
READS: frozenset[str] = frozenset()
