"""All output to the terminal, as text or as JSON.

No other module prints. Quotes from files, hubs and libraries are shown literally, never as control sequences.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from layover.errors import printable
from layover.escape import csv_table, json_text


def say(*lines: str) -> None:
    """Write lines of text to standard output, or one empty line; a line break inside a line is escaped."""
    _write("\n".join(map(printable, lines or ("",))))


def say_pieces(lines: Sequence[Sequence[tuple[str, bool]]]) -> None:
    """Write lines of pieces to standard output, each with whether it is bold; only a terminal shows bold letters."""
    styled = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines:
        pieces = [(printable(text), bold) for text, bold in line]
        text = "".join(f"\x1b[1m{piece}\x1b[0m" if bold and styled else piece for piece, bold in pieces)
        _write(text.rstrip())


def answer(value: Any) -> None:
    """Write a value as JSON to standard output."""
    _write(json_text(value))


def answer_csv(rows: Iterable[Iterable[object]]) -> None:
    """Write rows of CSV to standard output."""
    write = csv_table(sys.stdout)
    for row in rows:
        write(row)
    sys.stdout.flush()


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write an error to standard error; its further lines are indented, so that they do not look like errors."""
    first, *others = map(printable, text.split("\n"))
    lines = [f"layover: {first}", *(line if line.startswith(" ") else f"  {line}".rstrip() for line in others)]
    sys.stderr.write("\n".join(lines) + "\n")


class _Shown(io.TextIOBase):
    """A stream that escapes control characters in the messages, warnings and logs of libraries.

    Args:
        stream: The stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write a text; the leading carriage return of a progress bar is kept."""
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
    """Escape control characters that libraries write to standard error, in a final traceback too."""
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
    """Return bytes for display: `1.1 GB`; `?` if unknown."""
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
    """Return seconds for display: `5 min 40 s`, `1 h 05 min`; `?` if unknown."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 599.5:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def amount(value: float | None) -> str:
    """Return a count for display: `1.2 M`; `?` if unknown."""
    if value is None:
        return "?"
    for unit in ("", " k", " M", " G", " T", " P"):
        if value < 1000:
            return f"{value:.0f}{unit}" if not unit else f"{value:.1f}{unit}"
        value /= 1000
    return f"{value:.1f} E"
