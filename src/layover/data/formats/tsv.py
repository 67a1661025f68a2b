"""Values separated by tabs or by another `separator`, with or without the quotes of Python's csv module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.formats._table import TABLE, read_table


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per record."""
    return read_table(path, layout)


FORMAT = read
READS = TABLE
