"""Plain text: one sentence or document per line, in the column `text`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import TEXT, numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.tally import CARRIAGE_RETURN


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per line; blank lines, as between documents, are skipped."""
    for number, line in numbered_lines(path, layout):
        if "\r" in line:
            yield Skipped(CARRIAGE_RETURN, str(path), number)
        if line.strip():
            yield Row({"text": line}, str(path), number)


FORMAT = read
READS = TEXT
