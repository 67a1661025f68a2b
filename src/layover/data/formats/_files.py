"""Opening text files: compression by suffix, UTF-8, a byte order mark tolerated."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from layover.errors import DataError

COMPRESSIONS = (".bz2", ".gz")


@contextmanager
def open_text(path: Path, errors: str = "strict") -> Iterator[TextIO]:
    """Open a file so that only a line feed ends a line: text has other line separators in it.

    Raises:
        DataError: the file cannot be read, unpacked or decoded, here or while the block reads it.
    """
    opener = {".bz2": bz2.open, ".gz": gzip.open}.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors=errors, newline="\n") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); save the file as UTF-8, or declare `errors: replace`") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def filled_lines(path: Path, errors: str, what: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a file in which each is one of `what` (`rows`); empty last lines are none.

    Raises:
        DataError: an empty line between others.
    """
    empty = 0
    for number, line in numbered_lines(path, errors):
        if not line.strip():
            empty = empty or number
            continue
        if empty:
            raise DataError(f"{path}:{empty}: an empty line between {what}; put what is missing there, or remove it")
        yield number, line


def numbered_lines(path: Path, errors: str = "strict") -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a file with LF or CRLF line ends."""
    with open_text(path, errors) as stream:
        for number, line in enumerate(stream, 1):
            yield number, line.removesuffix("\n").removesuffix("\r")
