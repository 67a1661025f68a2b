"""Sources of rows to predict: a file, standard input, or one text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from layover.data import formats
from layover.data.formats import FileLayout, Row
from layover.data.formats._files import COMPRESSIONS
from layover.data.formats._json import decoded
from layover.errors import DataError, nearest

STDIN = "-"
FORMATS: Mapping[str, str] = {"jsonl": "jsonl", "tsv": "tsv", "text": "lines"}
"""Name of a format for the user -> name in `layover.data.formats`."""
EXTENSIONS: Mapping[str, str] = {".jsonl": "jsonl", ".tsv": "tsv", ".txt": "text"}
_STREAM = Path("/dev/stdin")


@dataclass(frozen=True)
class Input:
    """A source of rows, which are read one by one."""

    path: Path | None
    """None for a single row."""
    layout: FileLayout | None
    row: Row | None = None

    @property
    def twice(self) -> bool:
        """Whether the source can be read again: a pipe and standard input cannot."""
        return self.path is None or (self.path != _STREAM and self.path.is_file())

    def rows(self) -> Iterator[Row]:
        """Yield the rows.

        Raises:
            DataError: with file:line, for a row that cannot be read; or the file has no rows.
        """
        if self.path is None or self.layout is None:
            if self.row is not None:
                yield self.row
            return
        empty = True
        for row in formats.read(self.path, self.layout):
            empty = False
            yield row
        if empty:
            raise DataError(f"{self.path}: the file has no rows")


def input_of(given: str, wanted: str | None, *, quoting: bool = True) -> Input:
    """Return the source of the rows.

    Args:
        given: `-` for standard input, a path, a JSON object, or a text.
        wanted: Format; None: from the file's extension, or `jsonl` for standard input.
        quoting: tsv: whether double quotes wrap values.

    Raises:
        DataError: the file does not exist, or its extension is unknown.
    """
    if wanted is not None and wanted not in FORMATS:
        raise DataError(f"--format {wanted}: unknown format; {nearest(wanted, FORMATS)}")
    if given == STDIN:
        return Input(_STREAM, _layout(wanted or "jsonl", quoting))
    path = Path(given)
    if not _exists(path):
        if wanted is not None:
            raise DataError(f"{given[:200]}: no such file; --format {wanted} needs a file")
        return Input(None, None, _row(given))
    if path.is_dir():
        raise DataError(f"{given} is a folder; give a file, or a text that is not the name of a folder")
    name = wanted or EXTENSIONS.get(_extension(path))
    if name is None:
        raise DataError(f"{given}: unknown extension (known: {', '.join(EXTENSIONS)}); give the format with --format")
    return Input(path, _layout(name, quoting))


def _layout(name: str, quoting: bool) -> FileLayout:
    return FileLayout(format=FORMATS[name], quoting=quoting)


def _extension(path: Path) -> str:
    return next((suffix for suffix in reversed(path.suffixes) if suffix.lower() not in COMPRESSIONS), "").lower()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that is too long for a name, or has a character that names cannot have
        return False


def _row(given: str) -> Row:
    """Return the row of a text, and refuse a text that looks like the name of a file."""
    if not any(character.isspace() for character in given) and _extension(Path(given)) in EXTENSIONS:
        raise DataError(f"{given}: no such file")
    if not given.lstrip().startswith("{"):
        return Row({"text": given}, "", 1)
    return Row(decoded(given, f"the row {given[:60]!r}"), "", 1)
