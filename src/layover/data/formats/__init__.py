"""File formats: one file each, found by name; each turns a file into rows, none drops a line silently."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from layover.data.formats._files import COMPRESSIONS
from layover.data.formats._layout import AUTO, Layout
from layover.data.formats._row import Row
from layover.errors import DataError, nearest

__all__ = ["AUTO", "Layout", "Row", "by_extension", "names", "read"]

# .tsv and .txt are headed tables for most kinds and one word per line for tagging: the caller says which
EXTENSIONS = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".conll": "conll",
    ".conllu": "conllu",
    ".json": "squad",
}


def names() -> tuple[str, ...]:
    """Return the names of all formats, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        DataError: with file:line, for a malformed row; also for an unknown format or an unreadable file.
    """
    if layout.format not in names():
        raise DataError(f"no format is called {layout.format!r}; {nearest(layout.format, names())}")
    rows: Iterator[Row] = importlib.import_module(f"{__name__}.{layout.format}").read(path, layout)
    return rows


def by_extension(path: str, *, tagging: bool) -> str:
    """Return the format that a file's name suggests.

    Raises:
        DataError: the name suggests none.
    """
    parts = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    extension = next((suffix for suffix in reversed(parts) if suffix not in COMPRESSIONS), "")
    if tagging and extension in {".tsv", ".txt", ".bio", ".iob"}:
        return "conll"
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise DataError(f"{path}: its name does not tell its format ({known}); name one with `format`")
    return EXTENSIONS[extension]
