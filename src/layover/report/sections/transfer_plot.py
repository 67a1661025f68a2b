"""The transfer matrix: the gain of each intermediate on each target, by model and method.

A square is the mean difference to the same method without an intermediate, in points, over the zero-shot languages of
the target. A crossed-out square has no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.gains import ARROWS, Gain, gains, shown
from layover.report.pictures import figure, no_label, styled
from layover.report.rows import CellRow, signed
from layover.statistics import Finding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SQUARE_INCHES, SMALL_INCHES, PLAIN_INCHES, LETTER_INCHES = 0.75, 0.5, 0.25, 0.085
MOST_LARGE = 6
"""Largest number of targets with large squares."""
MOST_NUMBERS = 600
"""Largest number of squares with numbers: in a larger picture nobody can read them."""
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
    numbers = sum(len(panel) for panel in by_method.values()) * len(targets) <= MOST_NUMBERS
    square = PLAIN_INCHES if not numbers else SQUARE_INCHES if len(targets) <= MOST_LARGE else SMALL_INCHES
    longest = max(len(name) for panel in by_method.values() for name in panel) * LETTER_INCHES
    heights = [max(len(by_method.get((model, method), {})) for model in models) * square + 0.9 for method in methods]
    made = figure(len(models) * (len(targets) * square + longest + 0.6), sum(heights) + 0.4)
    axes = made.subplots(len(methods), len(models), squeeze=False, height_ratios=heights)
    for line, method in zip(axes, methods, strict=True):
        for axis, model in zip(line, models, strict=True):
            if (model, method) in by_method:
                _panel(axis, by_method[model, method], targets, limit)
                (_numbers if numbers else _marks)(axis, by_method[model, method], targets, limit)
                axis.set_title(printable(f"{model} {method}"), loc="left", fontsize=10)
            else:
                axis.set_axis_off()
    if not numbers:
        made.supxlabel(f"Darkest colours: ±{limit:.1f} points. gains.csv has all numbers.", fontsize=8)
    return made


def _panel(axis: Axes, panel: Panel, targets: Sequence[str], limit: float) -> None:
    grid = [[_mean(line.get(target)) for target in targets] for line in panel.values()]
    axis.imshow(grid, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    _cross_out(axis, grid)
    axis.set_xticks(range(len(targets)), [*map(printable, targets)], fontsize=8, rotation=30, ha="right")
    axis.set_yticks(range(len(panel)), [*map(printable, panel)], fontsize=8)
    axis.set_xlim(-0.5, len(targets) - 0.5)
    axis.set_ylim(len(panel) - 0.5, -0.5)
    axis.tick_params(length=0)
    no_label(axis.xaxis)
    no_label(axis.yaxis)
    axis.spines[:].set_visible(False)


def _numbers(axis: Axes, panel: Panel, targets: Sequence[str], limit: float) -> None:
    """Write the difference of each square, and its mark."""
    for x, y, finding in _findings(panel, targets):
        mark = ARROWS[finding.mark]
        text, weight = f"{signed(finding.difference.mean)}{mark}", "bold" if mark else None
        color = _ink(finding, limit)
        axis.text(x, y, text, ha="center", va="center", color=color, fontsize=8, fontweight=weight)


def _marks(axis: Axes, panel: Panel, targets: Sequence[str], limit: float) -> None:
    """Draw the mark of each square that has one."""
    for mark, marker in (("gain", "^"), ("loss", "v")):
        points = [(x, y, _ink(each, limit)) for x, y, each in _findings(panel, targets) if each.mark == mark]
        if points:
            across, down, colors = zip(*points, strict=True)
            axis.scatter(across, down, s=14, marker=marker, c=colors, linewidths=0)


def _findings(panel: Panel, targets: Sequence[str]) -> list[tuple[int, int, Finding]]:
    """Return (column, line, finding) of the squares with a difference."""
    return [
        (x, y, gain.finding)
        for y, line in enumerate(panel.values())
        for x, target in enumerate(targets)
        if (gain := line.get(target)) is not None and gain.finding is not None
    ]


def _ink(finding: Finding, limit: float) -> str:
    """Return the colour of a text that the colour of its square leaves readable."""
    return "white" if abs(finding.difference.mean) > 0.6 * limit else "black"


def _cross_out(axis: Axes, grid: Sequence[Sequence[float]]) -> None:
    """Cross out the squares without a difference."""
    from matplotlib.collections import LineCollection

    missing = [(x, y) for y, line in enumerate(grid) for x, value in enumerate(line) if isnan(value)]
    lines = [[(x - 0.5, y - side), (x + 0.5, y + side)] for x, y in missing for side in (0.5, -0.5)]
    if lines:
        axis.add_collection(LineCollection(lines, colors=GREY, linewidths=0.8))


def _mean(gain: Gain | None) -> float:
    return float("nan") if gain is None or gain.finding is None else gain.finding.difference.mean


SECTION = Section(
    5,
    picture="transfer",
    draw=draw,
    title="Transfer matrix",
    explained="Gain of each intermediate task (rows) on each target (columns), in points, over no intermediate with "
    "the same method. ▲ and ▼ mark gains and losses that are larger than chance. A square without a difference is "
    "crossed out, or has a dash. A picture of more than 600 squares has no numbers; `gains.csv` has them.",
)
