"""The one way out: what a person or a machine reads."""

from __future__ import annotations

import json
import sys
from typing import Any

from layover.errors import printable


def say(text: str = "") -> None:
    """Write a line for people to standard output."""
    _write(text)


def answer(value: Any) -> None:
    """Write JSON for machines to standard output."""
    _write(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write an error to standard error; what it quotes of a file is shown and never obeyed by the terminal."""
    lines = "\n".join(printable(line) for line in text.split("\n"))
    sys.stderr.write(f"layover: {lines}\n")


def table(headers: list[str], rows: list[list[str]]) -> str:
    """Return an aligned plain-text table; columns of numbers are aligned to the right."""
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    right = [all(_numeric(cell) for cell in column[1:]) for column in columns]
    lines = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if aligned else cell.ljust(width)
            for cell, width, aligned in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


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
