"""JSON Lines: one object per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import filled_lines
from layover.data.formats._json import decoded
from layover.data.formats._layout import Layout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield one row per line; an empty last line is no row."""
    for number, line in filled_lines(path, layout.errors, "rows"):
        values = decoded(line, path, number)
        if not isinstance(values, dict):
            raise DataError(f"{path}:{number}: a JSON {type(values).__name__}, but an object is needed")
        yield Row(values, str(path), number)


FORMAT = read
READS: frozenset[str] = frozenset()
