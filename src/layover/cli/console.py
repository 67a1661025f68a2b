"""The one way out: what a person or a machine reads.

Nothing else prints. What is quoted of files, hubs and libraries is shown, and never obeyed by the terminal.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from layover.errors import printable
from layover.escape import json_text


def say(*lines: str) -> None:
    """Write lines for people to standard output, an empty one where there is none; a line break inside is escaped."""
    _write("\n".join(map(printable, lines or ("",))))


def answer(value: Any) -> None:
    """Write JSON for machines to standard output."""
    _write(json_text(value))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write an error to standard error; the lines after its first are indented, so that none of them looks like it."""
    first, *others = map(printable, text.split("\n"))
    lines = [f"layover: {first}", *(line if line.startswith(" ") else f"  {line}".rstrip() for line in others)]
    sys.stderr.write("\n".join(lines) + "\n")


class _Shown(io.TextIOBase):
    """A stream that writes what a terminal only shows: for the messages, warnings and logs of libraries.

    Args:
        stream: That is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write a text; a bar of progress begins with its way back to the beginning of the line, and keeps that."""
        begin = "\r" if text.startswith("\r") and "\n" not in text and self.isatty() else ""
        lines = "\n".join(map(printable, text.removeprefix(begin).split("\n")))
        self._stream.write(begin + lines)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True


@contextmanager
def libraries_shown() -> Iterator[None]:
    """Show what libraries write to standard error, too, as `complain` does; a traceback that ends it as well."""
    before = sys.stderr
    sys.stderr = _Shown(before)
    try:
        yield
    except SystemExit:
        sys.stderr = before
        raise
    sys.stderr = before


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of an aligned plain-text table; columns of numbers are aligned to the right."""
    cells = [[printable(cell) for cell in line] for line in (headers, *rows)]
    columns = list(zip(*cells, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    right = [all(_numeric(cell) for cell in column[1:]) for column in columns]
    cells.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(
            cell.rjust(width) if aligned else cell.ljust(width)
            for cell, width, aligned in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]


def _numeric(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "+-.?>"


def size(count: float | None) -> str:
    """Return bytes for people: `1.1 GB`; `?` when unknown."""
    if count is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def room(count: float) -> str:
    """Return bytes as a recipe writes them: `3.1 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"


def duration(seconds: float | None) -> str:
    """Return seconds for people: `5 min 40 s`, `1 h 05 min`; `?` when unknown."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 599.5:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def amount(value: float | None) -> str:
    """Return a count for people: `1.2 M`; `?` when unknown."""
    if value is None:
        return "?"
    for unit in ("", " k", " M", " G", " T", " P"):
        if value < 1000:
            return f"{value:.0f}{unit}" if not unit else f"{value:.1f}{unit}"
        value /= 1000
    return f"{value:.1f} E"
