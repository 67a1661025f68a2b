"""Opening text files: compression by suffix, UTF-8, a byte order mark tolerated."""

from __future__ import annotations

from bz2 import BZ2File
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TextIO

from layover.archives import opened
from layover.errors import DataError

COMPRESSIONS = (".bz2", ".gz")


@contextmanager
def open_text(path: Path, errors: str = "strict") -> Iterator[TextIO]:
    """Open a file, or one in a zip archive, so that only a line feed ends a line: text has other separators in it.

    Raises:
        DataError: the file cannot be read, unpacked or decoded, here or while the block reads it.
    """
    try:
        with opened(path) as raw, _unpacked(raw, path.suffix.lower()) as binary:
            yield TextIOWrapper(binary, encoding="utf-8-sig", errors=errors, newline="\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); save the file as UTF-8, or declare `errors: replace`") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _unpacked(raw: BufferedReader, suffix: str) -> BufferedReader | BZ2File | GzipFile:
    if suffix == ".bz2":
        return BZ2File(raw)
    return GzipFile(fileobj=raw) if suffix == ".gz" else raw


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


def lines_of(stream: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of a stream, with their ends.

    Raises:
        DataError: they end with a carriage return alone, so that the whole file would be one line.
    """
    for number, line in enumerate(stream):
        if not number and not line.endswith("\n") and "\r" in line:
            raise DataError(f"{path}:1: lines end with a carriage return alone (CR); save the file with LF or CRLF")
        yield line


def numbered_lines(path: Path, errors: str = "strict") -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a file with LF or CRLF line ends."""
    with open_text(path, errors) as stream:
        for number, line in enumerate(lines_of(stream, path), 1):
            yield number, line.removesuffix("\n").removesuffix("\r")
