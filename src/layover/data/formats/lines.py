"""Plain text: one sentence per line, as in parallel corpora."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import TEXT, filled_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.tally import CARRIAGE_RETURN
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per line, with the column `text` or the name in `header`; empty last lines are skipped.

    Raises:
        DataError: an empty line is between others, so that later lines might be paired with wrong translations; or
            `header` has more than one name.
    """
    names = layout.header or ("text",)
    if len(names) != 1:
        raise DataError(
            f"{path}: a file of the format lines has one column, but `header` has {len(names)}: {', '.join(names)}; "
            "declare one name"
        )
    for number, line in filled_lines(path, layout, "sentences"):
        if "\r" in line:
            yield Skipped(CARRIAGE_RETURN, str(path), number)
        yield Row({names[0]: line}, str(path), number)


FORMAT = read
READS = TEXT | {"header"}
