"""The definition of a section of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layover.plan import Plan
from layover.report.rows import CellRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[CellRow]


@dataclass(frozen=True)
class Section:
    """A part of the report: text, a file, a picture. Each of them may be absent or empty."""

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
    picture: str = ""
    """The name of the files with the picture, without suffix."""
    draw: Callable[[Rows], Figure | None] | None = None
    """Returns the picture, or None if there is nothing to show."""
    draw_plan: Callable[[Plan], Figure | None] | None = None
    """The same from the plan, for a picture that no cell decides."""
    title: str = ""
    """The title of the picture."""
    explained: str = ""
    """What the picture shows, in a sentence or two of Markdown."""

    def drawn(self, plan: Plan, rows: Rows) -> Figure | None:
        """Return the picture of the section; None if it has none."""
        if self.draw_plan is not None:
            return self.draw_plan(plan)
        return None if self.draw is None else self.draw(rows)

    def wrote(self, plan: Plan, rows: Rows, path: Path) -> bool:
        """Write the file of the section; return whether there is one."""
        if self.write_plan is not None:
            return self.write_plan(plan, path)
        return self.write is not None and self.write(rows, path)
