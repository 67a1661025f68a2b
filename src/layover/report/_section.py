"""What a section of a report is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.plan import Plan
from layover.report.rows import CellRow

Rows = Sequence[CellRow]


@dataclass(frozen=True)
class Section:
    """A part of the report, and the file that belongs to it; each of them may be absent, or have nothing to show."""

    order: int
    """Sections stand in this order."""
    whole: Callable[[Plan, Rows], list[str]] | None = None
    """Returns paragraphs of Markdown that follow the main table."""
    target: Callable[[Plan, Rows, str], list[str]] | None = None
    """Returns paragraphs of Markdown for one target."""
    file: str = ""
    """What `write` writes, in the folder of the report."""
    write: Callable[[Rows, Path], bool] | None = None
    """Writes the file, and returns whether there was anything to write."""
