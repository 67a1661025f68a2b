"""Where rows to predict come from: a file, standard input, or one text."""

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
"""What a person calls a format -> our name of it."""
EXTENSIONS: Mapping[str, str] = {".jsonl": "jsonl", ".tsv": "tsv", ".txt": "text"}
_STREAM = Path("/dev/stdin")


@dataclass(frozen=True)
class Input:
    """Rows that can be read one after another, however many there are."""

    path: Path | None
    """None for the one row."""
    layout: FileLayout | None
    row: Row | None = None

    @property
    def twice(self) -> bool:
        """Whether it can be read again: a pipe cannot, and standard input need not."""
        return self.path is None or (self.path != _STREAM and self.path.is_file())

    def rows(self) -> Iterator[Row]:
        """Yield the rows.

        Raises:
            DataError: with file:line, for a row that cannot be read; or there is none.
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
            raise DataError(f"{self.path}: no row in it")


def input_of(given: str, wanted: str | None, *, quoting: bool = True) -> Input:
    """Return where rows come from.

    Args:
        given: `-` for standard input, a path, a JSON object, or a text.
        wanted: Format; when None by the file's extension, and on standard input `jsonl`.
        quoting: tsv: whether double quotes wrap values.

    Raises:
        DataError: there is no such file, or its name does not tell its format.
    """
    if wanted is not None and wanted not in FORMATS:
        raise DataError(f"--format {wanted}: there is no such format; {nearest(wanted, FORMATS)}")
    if given == STDIN:
        return Input(_STREAM, _layout(wanted or "jsonl", quoting))
    path = Path(given)
    if not _exists(path):
        if wanted is not None:
            raise DataError(f"{given[:200]}: no such file, and --format {wanted} is for one")
        return Input(None, None, _row(given))
    if path.is_dir():
        raise DataError(f"{given}: a folder; name a file, or give a text that is no folder's name")
    name = wanted or EXTENSIONS.get(_extension(path))
    if name is None:
        raise DataError(f"{given}: its name does not tell its format ({', '.join(EXTENSIONS)}); say it with --format")
    return Input(path, _layout(name, quoting))


def _layout(name: str, quoting: bool) -> FileLayout:
    return FileLayout(format=FORMATS[name], quoting=quoting)


def _extension(path: Path) -> str:
    return next((suffix for suffix in reversed(path.suffixes) if suffix.lower() not in COMPRESSIONS), "").lower()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text too long for a name, or with a character that none may have
        return False


def _row(given: str) -> Row:
    """Return the row that a text is; what looks like a file's name is none."""
    if not any(character.isspace() for character in given) and _extension(Path(given)) in EXTENSIONS:
        raise DataError(f"{given}: no such file")
    if not given.lstrip().startswith("{"):
        return Row({"text": given}, "", 1)
    return Row(decoded(given, f"the row {given[:60]!r}"), "", 1)
