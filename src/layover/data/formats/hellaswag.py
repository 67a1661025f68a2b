"""HellaSwag as text: six lines per item: context, index of the right ending, four endings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError

LINES = 6


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per item, with the columns `text`, `label` (text) and `endings` (a list of four).

    Raises:
        DataError: the second line of an item is not an index, or the last item is incomplete.
    """
    item: list[str] = []
    first = 1
    for number, line in numbered_lines(path, layout):
        if not item:
            first = number
        item.append(line)
        if len(item) == LINES:
            text, label, *endings = item
            if label not in {"0", "1", "2", "3"}:
                raise DataError(
                    f"{path}:{first + 1}: {label[:60]!r} must be the index of an ending, 0 to 3; check that every item "
                    f"has {LINES} lines"
                )
            yield Row({"text": text, "label": label, "endings": endings}, str(path), first)
            item = []
    if any(item):
        raise DataError(f"{path}:{first}: the last item has {len(item)} of {LINES} lines; complete or remove it")


FORMAT = read
READS: frozenset[str] = frozenset()
