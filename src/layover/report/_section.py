"""The definition of a section of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.plan import Plan
from layover.report.rows import CellRow

Rows = Sequence[CellRow]


@dataclass(frozen=True)
class Section:
    """A part of the report and its file. Each of the two may be absent or empty."""

    order: int
    """The position among the sections; lower numbers come first."""
    whole: Callable[[Plan, Rows], list[str]] | None = None
    """Returns paragraphs of Markdown after the main table."""
    target: Callable[[Plan, Rows, str], list[str]] | None = None
    """Returns paragraphs of Markdown for one target."""
    file: str = ""
    """The name of the file that `write` writes, in the folder of the report."""
    write: Callable[[Rows, Path], bool] | None = None
    """Writes the file, and returns whether there was content to write."""
    write_plan: Callable[[Plan, Path], bool] | None = None
    """The same from the plan, for a file that no cell decides."""

    def wrote(self, plan: Plan, rows: Rows, path: Path) -> bool:
        """Write the file of the section; return whether there is one."""
        if self.write_plan is not None:
            return self.write_plan(plan, path)
        return self.write is not None and self.write(rows, path)
