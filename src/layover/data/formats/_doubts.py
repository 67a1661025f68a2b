"""Lines that an explicit `encoding`, or `errors: replace`, probably reads wrongly, so that the user should know."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import open_bytes
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Skipped
from layover.data.tally import CONTROLS, MOJIBAKE, REPLACED

_ASCII = bytes(range(0x20, 0x7F))
_CONTROLS = frozenset(map(chr, range(0x80, 0xA0)))


def doubts(path: Path, layout: FileLayout) -> Iterator[Skipped]:
    """Yield the lines with replaced bytes, the lines with control characters, and the lines that are really UTF-8.

    A text in an 8-bit encoding is hardly ever valid UTF-8 by chance. So if one line is invalid UTF-8, no line counts as
    UTF-8.
    """
    encoding = codecs.lookup(layout.encoding or "utf-8").name
    if encoding.startswith(("utf-16", "utf-32")):  # in these, a byte 0A may be a part of another character
        return
    one_byte = _is_one_byte(encoding)
    utf8: list[int] = []
    cleared = not one_byte
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.isascii():
                continue
            text = line.decode(encoding, errors="replace")
            if layout.errors == "replace" and _fails(line, encoding):
                yield Skipped(REPLACED, str(path), number)
            if one_byte and not _CONTROLS.isdisjoint(text):
                yield Skipped(CONTROLS, str(path), number)
            cleared = cleared or _fails(line, "utf-8")
            if not cleared:
                utf8.append(number)
    for number in () if cleared else utf8:
        yield Skipped(MOJIBAKE, str(path), number)


def _is_one_byte(encoding: str) -> bool:
    """Return whether each byte is one character, and ASCII bytes are ASCII characters."""
    try:
        return _ASCII.decode(encoding) == _ASCII.decode("ascii") and len(b"\xe9\xe9".decode(encoding)) == 2
    except UnicodeDecodeError:
        return False


def _fails(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return True
    return False
