"""The plot of a sweep: the gain of each intermediate on each target, by model and method.

A square is the mean paired difference to the same method without an intermediate, in points. A crossed-out square has
no paired difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.escape import drawn_plainly
from layover.recipe import NO_INTERMEDIATE
from layover.report._section import Section
from layover.report.main_table import TableEntry, entries
from layover.report.rows import CellRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SQUARE_INCHES, LETTER_INCHES = 0.75, 0.085
LEAST_POINTS = 5.0
"""Smallest difference of the darkest colour, so that a tenth of a point always has a light colour."""


def differences(rows: Sequence[CellRow]) -> dict[tuple[str, str], dict[str, dict[str, float | None]]]:
    """Return (model, method) -> intermediate -> target -> mean difference to no intermediate; None if it is missing."""
    panels: dict[tuple[str, str], dict[str, dict[str, float | None]]] = {}
    for (model, method, intermediate), by_target in entries(rows, None).items():
        if intermediate != NO_INTERMEDIATE:
            values = {target: _difference(entry) for target, entry in by_target.items()}
            panels.setdefault((model, method), {})[intermediate] = values
    return panels


def _difference(entry: TableEntry) -> float | None:
    return entry.to_none.mean if entry.to_none is not None else None


@drawn_plainly()
def draw(rows: Sequence[CellRow], path: Path) -> bool:
    """Draw the plot as PNG; return False, without a file, if no cell has an intermediate."""
    panels = differences(rows)
    if not panels:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    targets = list(dict.fromkeys(row.cell.target for row in rows))
    known = [value for panel in panels.values() for by in panel.values() for value in by.values() if value is not None]
    limit = max([LEAST_POINTS, *map(abs, known)])
    column = max(SQUARE_INCHES, max(map(len, targets)) * LETTER_INCHES)
    width = len(targets) * column + 2.6
    heights = [len(panel) * SQUARE_INCHES + 0.6 for panel in panels.values()]
    figure = Figure(figsize=(width, sum(heights) + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, ((model, method), panel) in zip(axes, panels.items(), strict=True):
        _panel(axis, panel, targets, limit)
        axis.set_title(printable(f"{model} {method}"), loc="left", fontsize=10)
    figure.suptitle("Difference to no intermediate, points", fontsize=11)
    figure.savefig(path, dpi=150)
    return True


def _panel(axis: Axes, panel: Mapping[str, Mapping[str, float | None]], targets: Sequence[str], limit: float) -> None:
    grid = [[by_target.get(target) for target in targets] for by_target in panel.values()]
    shown = [[float("nan") if value is None else value for value in line] for line in grid]
    axis.imshow(shown, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            if value is None:
                axis.plot([x - 0.5, x + 0.5], [y - 0.5, y + 0.5], color="0.6", linewidth=0.8)
                axis.plot([x - 0.5, x + 0.5], [y + 0.5, y - 0.5], color="0.6", linewidth=0.8)
            else:
                dark = abs(value) > 0.6 * limit
                axis.text(
                    x, y, f"{value:+.1f}", ha="center", va="center", color="white" if dark else "black", fontsize=9
                )
    axis.set_xticks(range(len(targets)), [*map(printable, targets)], fontsize=9)
    axis.set_yticks(range(len(panel)), [*map(printable, panel)], fontsize=9)
    axis.set_xlim(-0.5, len(targets) - 0.5)
    axis.set_ylim(len(panel) - 0.5, -0.5)
    axis.tick_params(length=0)


SECTION = Section(50, file="transfer.png", write=draw)
