"""Opening of text files: compression by suffix, encoding, optional byte order mark."""

from __future__ import annotations

import codecs
import lzma
import zlib
from bz2 import BZ2File
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TextIO, cast

from layover.data.formats import _signs
from layover.data.formats._layout import FileLayout
from layover.errors import DataError
from layover.files.archives import opened

COMPRESSIONS = (".bz2", ".gz", ".xz", ".zst")

TEXT = frozenset({"encoding", "errors"})
"""The settings of a layout that a recipe may change for a format of text."""

FREE_TEXT = frozenset({"text", "lines"})
"""Formats in which every text is a row."""

_CONTEXT = 12
"""Bytes that a message shows on each side of the bytes that cannot be decoded."""


@contextmanager
def open_text(path: Path, layout: FileLayout) -> Iterator[TextIO]:
    """Open a text file, or a text file in a zip archive; only a line feed ends a line.

    Other Unicode line separators occur within texts.

    Raises:
        DataError: the file cannot be read, unpacked or decoded, here or while the block reads it.
    """
    try:
        with open_bytes(path) as stream:
            encoding = _encoding(path, stream.peek(_signs.LONGEST)[: _signs.LONGEST], layout)
            yield TextIOWrapper(stream, encoding=encoding, errors=layout.errors, newline="\n")
    except UnicodeDecodeError as error:
        raise _undecodable(path, layout, error) from error


@contextmanager
def open_bytes(path: Path) -> Iterator[BufferedReader]:
    """Open a file, or a file in a zip archive; it is unpacked if its suffix names a compression.

    Raises:
        DataError: the file cannot be read or unpacked, here or while the block reads it.
    """
    try:
        with opened(path) as raw, _unpacked(raw, path.suffix.lower()) as stream:
            yield stream
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


@contextmanager
def _unpacked(raw: BufferedReader, suffix: str) -> Iterator[BufferedReader]:
    if suffix not in COMPRESSIONS:
        yield raw
        return
    if suffix == ".zst":
        from pyarrow import CompressedInputStream, PythonFile

        yield BufferedReader(cast("BufferedReader", CompressedInputStream(PythonFile(raw, "r"), "zstd")))
        return
    if suffix == ".gz":
        with GzipFile(fileobj=raw) as unpacked:
            yield BufferedReader(unpacked)
        return
    with BZ2File(raw) if suffix == ".bz2" else lzma.LZMAFile(raw) as stream:
        yield BufferedReader(cast("BufferedReader", stream))


def _encoding(path: Path, head: bytes, layout: FileLayout) -> str:
    """Return the encoding for decoding; it removes a byte order mark.

    Raises:
        DataError: the first bytes are not text, or do not fit the declared encoding.
    """
    if problem := _signs.binary(head):
        raise DataError(f"{path}: {problem}")
    if layout.format not in FREE_TEXT and (problem := _signs.no_data(head)):
        raise DataError(f"{path}: {problem}")
    declared, marked = codecs.lookup(layout.encoding or "utf-8").name, _signs.marked(head)
    if declared in {"utf-8", "utf-8-sig"}:
        if marked and layout.errors == "strict":
            raise DataError(f"{path}: begins with the byte order mark of {marked}; declare `encoding: {marked}`")
        return "utf-8-sig"
    if declared in {"utf-16", "utf-32"} and head and marked != declared:
        raise DataError(
            f"{path}: has no byte order mark of {declared}; declare its byte order: `encoding: {declared}-le` or "
            f"`encoding: {declared}-be`"
        )
    if declared in {"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"} and marked == declared[:6]:
        little = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE))
        if little != declared.endswith("le"):
            raise DataError(f"{path}: its byte order mark does not fit {declared}; declare `encoding: {marked}`")
        return marked  # this encoding removes the mark
    return declared


def _undecodable(path: Path, layout: FileLayout, error: UnicodeDecodeError) -> DataError:
    """Return the error about the first bytes that are invalid in the encoding, with their line."""
    encoding = layout.encoding or "UTF-8"
    number, shown, fitting = 0, "", ""
    with open_bytes(path) as stream:
        lines = enumerate(stream, 1) if _is_single_line_feed(encoding) else iter(())
        for number, line in lines:  # noqa: B007 - used below
            try:
                line.decode(encoding)
            except UnicodeDecodeError as wrong:
                part = line[max(0, wrong.start - _CONTEXT) : wrong.end + _CONTEXT].rstrip(b"\r\n")
                shown = f"the bytes {line[wrong.start : wrong.end].hex(' ')} in {part!r}"
                fitting = _fitting(part)
                break
        else:
            number = 0
    place = f"{path}:{number}" if number else f"{path}"
    kept = "if the file is damaged, declare `errors: replace` to read such bytes as U+FFFD"
    if layout.encoding is not None:
        advice = f"declare the right `encoding`; {kept}"
    else:
        advice = f"save the file as UTF-8, or declare its `encoding`{fitting}; {kept}"
    return DataError(f"{place}: not {encoding}: {shown or error}; {advice}")


def _is_single_line_feed(encoding: str) -> bool:
    """Return whether a byte 0A is always the end of a line."""
    return not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _fitting(part: bytes) -> str:
    """Return a probable encoding, and the text that it reads from the bytes."""
    for name in ("cp1252", "latin-1"):
        try:
            return f" (`encoding: {name}` reads {part.decode(name)!r})"
        except UnicodeDecodeError:
            continue
    return ""


def filled_lines(path: Path, layout: FileLayout, noun: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a file without empty last lines.

    Args:
        path: The file.
        layout: Its encoding.
        noun: The content of a line, in the plural (`rows`), for the message.

    Raises:
        DataError: an empty line is between other lines.
    """
    empty = 0
    for number, line in numbered_lines(path, layout):
        if not line.strip():
            empty = empty or number
            continue
        if empty:
            raise DataError(f"{path}:{empty}: an empty line between {noun}; fill in the missing text, or remove it")
        yield number, line


def lines_of(stream: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of a stream, with their line ends.

    Raises:
        DataError: lines end with a carriage return alone, so that the whole file would be one line; or a line has NUL.
    """
    for number, line in enumerate(stream, 1):
        if number == 1 and not line.endswith("\n") and "\r" in line:
            raise DataError(f"{path}:1: lines end with CR (a carriage return) alone; save the file with LF or CRLF")
        if "\0" in line:
            raise DataError(
                f"{path}:{number}: the line has a NUL character; remove it, or declare the `encoding` of the file "
                "(`encoding: utf-16-le` if every second byte is 00)"
            )
        yield line


def numbered_lines(path: Path, layout: FileLayout) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a file with LF or CRLF line ends."""
    with open_text(path, layout) as stream:
        for number, line in enumerate(lines_of(stream, path), 1):
            yield number, line.removesuffix("\n").removesuffix("\r")
