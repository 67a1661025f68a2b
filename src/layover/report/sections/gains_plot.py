"""The forest plot: each gain over no intermediate with its 95 % interval, target by target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.gains import ARROWS, Gain, gains, shown
from layover.report.pictures import COLORS, INK, MARKERS, figure, styled
from layover.report.rows import CellRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE_INCHES = 0.19
BESIDE = 3
"""Number of targets in a row of the picture."""


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if no gain has an interval."""
    known = [gain for gain in shown(gains(rows)) if gain.finding is not None]
    if not any(gain.finding is not None and gain.finding.interval is not None for gain in known):
        return None
    targets = list(dict.fromkeys(gain.target for gain in known))
    names = list(dict.fromkeys(" ".join(gain.group) for gain in known))
    methods = list(dict.fromkeys((gain.model, gain.method) for gain in known))
    columns = min(BESIDE, len(targets))
    lines = -(-len(targets) // columns)
    longest = max(map(len, names)) * 0.075
    made = figure(longest + 2.9 * columns, lines * (len(names) * LINE_INCHES + 0.9))
    axes = made.subplots(lines, columns, squeeze=False, sharey=True)
    for number, axis in enumerate(axes.flat):
        if number >= len(targets):
            axis.set_axis_off()
            continue
        target_gains = [gain for gain in known if gain.target == targets[number]]
        _target(axis, target_gains, names, methods)
        axis.set_title(printable(f"{targets[number]} ({target_gains[0].languages})"), loc="left", fontsize=9)
    return made


def _target(axis: Axes, target_gains: Sequence[Gain], names: Sequence[str], methods: Sequence[tuple[str, str]]) -> None:
    axis.axvline(0, color=INK, linewidth=0.8)
    for gain in target_gains:
        if gain.finding is None:
            continue
        y, place = names.index(" ".join(gain.group)), methods.index((gain.model, gain.method)) % len(COLORS)
        color = COLORS[place]
        if gain.finding.interval is not None:
            over_items = gain.finding.basis == "items"
            axis.plot(gain.finding.interval, [y, y], color=color, linewidth=1.4, linestyle=":" if over_items else "-")
        marked = gain.finding.mark != "open"
        filled = color if marked else "none"
        axis.plot(gain.finding.difference.mean, y, MARKERS[place], color=color, markerfacecolor=filled, markersize=5)
        if marked:
            end = gain.finding.interval[1] if gain.finding.interval is not None else gain.finding.difference.mean
            axis.annotate(ARROWS[gain.finding.mark], (end, y), xytext=(3, 0), textcoords="offset points", va="center")
    axis.set_yticks(range(len(names)), [*map(printable, names)], fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("points over no intermediate", fontsize=8)
    axis.tick_params(axis="y", length=0)


SECTION = Section(
    6,
    picture="gains",
    draw=draw,
    title="Gains with 95 % intervals",
    explained="Differences to no intermediate, in points. A line is the 95 % interval: solid over trainings and test "
    "items, dotted over test items alone. A filled point is larger than chance (▲ gain, ▼ loss).",
)
