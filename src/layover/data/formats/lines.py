"""Plain text: one sentence per line, as parallel corpora are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import filled_lines
from layover.data.formats._layout import Layout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield one row per line, with the column `text` or the one that `header` names; empty last lines are no rows.

    Raises:
        DataError: an empty line between others, for the lines after it would be taken for other ones' translations;
            a header with more than one name.
    """
    names = layout.header or ("text",)
    if len(names) != 1:
        raise DataError(f"{path}: a file of bare lines has one column, not {', '.join(names)}")
    for number, line in filled_lines(path, layout.errors, "sentences"):
        yield Row({names[0]: line}, str(path), number)


FORMAT = read
READS = frozenset({"header"})
