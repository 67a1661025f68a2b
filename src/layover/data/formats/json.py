"""A JSON list of objects, as in SciQ; the list may also be under `data` in an object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layover.data.formats._files import TEXT
from layover.data.formats._json import read_json
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per object.

    Raises:
        DataError: the file is not JSON, has no list, or an item is no object.
    """
    for number, values in enumerate(_items(read_json(path, layout), path), 1):
        row = Row(values, f"{path} item", number)
        if not isinstance(values, dict):
            raise DataError(f"{row.where()}: a JSON {type(values).__name__}, but an object is needed")
        yield row


def _items(document: Any, path: Path) -> list[Any]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise DataError(f"{path}: a JSON {type(document).__name__}, but a list of objects is needed")
    data = document.get("data")
    if isinstance(data, list):
        if any(isinstance(item, dict) and "paragraphs" in item for item in data):
            raise DataError(f"{path}: the list has articles with paragraphs, as in SQuAD; declare `format: squad`")
        return data
    advice = "write one object per row"
    if document and all(isinstance(column, (list, dict)) for column in document.values()):
        advice = "each key holds a whole column; write rows instead: `to_json(orient='records')` of pandas"
    raise DataError(f"{path}: a JSON object, but a list of objects is needed; {advice}")


FORMAT = read
READS = TEXT
