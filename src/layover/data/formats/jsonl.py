"""JSON Lines: one object per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import TEXT, filled_lines
from layover.data.formats._json import decoded
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per line; empty last lines are skipped.

    Raises:
        DataError: with file:line, for an empty line between others, or a line that is not a JSON object.
    """
    for number, line in filled_lines(path, layout, "rows"):
        if number == 1 and line.strip() in {"[", "{"}:
            listed = line.strip() == "["
            advice = "for a list of objects, declare `format: json`" if listed else "write each object on one line"
            raise DataError(f"{path}:{number}: {line.strip()!r} is not a JSON object; {advice}")
        values = decoded(line, path, number)
        if not isinstance(values, dict):
            listed = isinstance(values, list) and number == 1 and any(isinstance(item, dict) for item in values)
            advice = "; for a list of objects, declare `format: json`" if listed else ""
            raise DataError(f"{path}:{number}: a JSON {type(values).__name__}, but an object is needed{advice}")
        yield Row(values, str(path), number)


FORMAT = read
READS = TEXT
