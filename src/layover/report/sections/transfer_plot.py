"""The transfer matrix: the gain of each intermediate on each target, by model and method.

A square is the mean difference to the same method without an intermediate, in points, over the zero-shot languages of
the target. A crossed-out square has no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.gains import ARROWS, Gain, gains, shown
from layover.report.pictures import figure, styled
from layover.report.rows import CellRow, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SQUARE_INCHES, SMALL_INCHES, LETTER_INCHES = 0.75, 0.5, 0.085
MOST_LARGE = 6
"""Largest number of targets with large squares."""
LEAST_POINTS = 5.0
"""Smallest difference of the darkest colour, so that a tenth of a point always has a light colour."""
GREY = "#8a8a8a"

Panel = dict[str, dict[str, Gain]]
"""Intermediate -> target -> gain."""


def panels(rows: Sequence[CellRow]) -> dict[tuple[str, str], Panel]:
    """Return the gains by (model, method), intermediate and target."""
    by_method: dict[tuple[str, str], Panel] = {}
    for gain in shown(gains(rows)):
        by_method.setdefault((gain.model, gain.method), {}).setdefault(gain.intermediate, {})[gain.target] = gain
    return by_method


def limit_of(by_method: Mapping[tuple[str, str], Panel]) -> float:
    """Return the difference of the darkest colour."""
    every = (gain for panel in by_method.values() for line in panel.values() for gain in line.values())
    return max([LEAST_POINTS, *(abs(gain.finding.difference.mean) for gain in every if gain.finding is not None)])


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if no scored cell has an intermediate."""
    by_method = panels(rows)
    if not by_method:
        return None
    targets, limit = list(dict.fromkeys(row.cell.target for row in rows)), limit_of(by_method)
    models = list(dict.fromkeys(model for model, _ in by_method))
    methods = list(dict.fromkeys(method for _, method in by_method))
    square = SQUARE_INCHES if len(targets) <= MOST_LARGE else SMALL_INCHES
    longest = max(len(name) for panel in by_method.values() for name in panel) * LETTER_INCHES
    heights = [max(len(by_method.get((model, method), {})) for model in models) * square + 0.9 for method in methods]
    made = figure(len(models) * (len(targets) * square + longest + 0.6), sum(heights) + 0.4)
    axes = made.subplots(len(methods), len(models), squeeze=False, height_ratios=heights)
    for line, method in zip(axes, methods, strict=True):
        for axis, model in zip(line, models, strict=True):
            if (model, method) in by_method:
                _panel(axis, by_method[model, method], targets, limit)
                axis.set_title(printable(f"{model} {method}"), loc="left", fontsize=10)
            else:
                axis.set_axis_off()
    return made


def _panel(axis: Axes, panel: Panel, targets: Sequence[str], limit: float) -> None:
    grid = [[_mean(line.get(target)) for target in targets] for line in panel.values()]
    axis.imshow(grid, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    for y, line in enumerate(panel.values()):
        for x, target in enumerate(targets):
            gain = line.get(target)
            if gain is None or gain.finding is None:
                axis.plot([x - 0.5, x + 0.5], [y - 0.5, y + 0.5], color=GREY, linewidth=0.8)
                axis.plot([x - 0.5, x + 0.5], [y + 0.5, y - 0.5], color=GREY, linewidth=0.8)
                continue
            value, mark = gain.finding.difference.mean, ARROWS[gain.finding.mark]
            color = "white" if abs(value) > 0.6 * limit else "black"
            text = f"{signed(value)}{mark}"
            axis.text(
                x, y, text, ha="center", va="center", color=color, fontsize=8, fontweight="bold" if mark else None
            )
    axis.set_xticks(range(len(targets)), [*map(printable, targets)], fontsize=8, rotation=30, ha="right")
    axis.set_yticks(range(len(panel)), [*map(printable, panel)], fontsize=8)
    axis.set_xlim(-0.5, len(targets) - 0.5)
    axis.set_ylim(len(panel) - 0.5, -0.5)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _mean(gain: Gain | None) -> float:
    return float("nan") if gain is None or gain.finding is None else gain.finding.difference.mean


SECTION = Section(
    5,
    picture="transfer",
    draw=draw,
    title="Transfer matrix",
    explained="Gain of each intermediate task (rows) on each target (columns), in points, over no intermediate with "
    "the same method. ▲ and ▼ mark gains and losses that are larger than chance. A square without a "
    "difference is crossed out, or has a dash.",
)
