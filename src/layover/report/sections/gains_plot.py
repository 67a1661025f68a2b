"""The forest plot: each gain over no intermediate with its 95 % interval, target by target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.gains import ARROWS, Gain, gains, shown
from layover.report.pictures import COLORS, INK, MARKERS, figure, no_label, styled
from layover.report.rows import CellRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE_INCHES, SMALL_INCHES = 0.19, 0.1
BESIDE, MOST_BESIDE = 3, 6
"""Number of targets in a row of the picture, and in a picture with many comparisons."""
MANY = 40
"""Number of comparisons of a target above which lines and letters are small."""


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if no gain has an interval."""
    known = [gain for gain in shown(gains(rows)) if gain.finding is not None]
    if not any(gain.finding is not None and gain.finding.interval is not None for gain in known):
        return None
    targets = list(dict.fromkeys(gain.target for gain in known))
    names = list(dict.fromkeys(" ".join(gain.group) for gain in known))
    methods = list(dict.fromkeys((gain.model, gain.method) for gain in known))
    many = len(names) > MANY
    columns = min(MOST_BESIDE if many else BESIDE, len(targets))
    lines = -(-len(targets) // columns)
    longest = max(map(len, names)) * (0.045 if many else 0.075)
    made = figure(longest + 2.9 * columns, lines * (len(names) * (SMALL_INCHES if many else LINE_INCHES) + 0.9))
    axes = made.subplots(lines, columns, squeeze=False, sharey=True)
    axes[0, 0].set_yticks(range(len(names)), [*map(printable, names)])
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    for number, axis in enumerate(axes.flat):
        if number >= len(targets):
            axis.set_axis_off()
            continue
        target_gains = [gain for gain in known if gain.target == targets[number]]
        _target(axis, target_gains, names, methods)
        axis.tick_params(axis="y", length=0, labelsize=5 if many else 8)
        axis.yaxis.set_visible(number % columns == 0)
        no_label(axis.yaxis)
        axis.set_title(printable(f"{targets[number]} ({target_gains[0].languages})"), loc="left", fontsize=9)
    return made


def _target(axis: Axes, entries: Sequence[Gain], names: Sequence[str], methods: Sequence[tuple[str, str]]) -> None:
    axis.axvline(0, color=INK, linewidth=0.8)
    for place, method in enumerate(methods):
        own = [gain for gain in entries if (gain.model, gain.method) == method]
        color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
        _intervals(axis, own, names, color)
        for marked in (False, True):
            shown_here = [gain for gain in own if (gain.mark != "open") == marked]
            means = [gain.finding.difference.mean for gain in shown_here if gain.finding is not None]
            heights = [names.index(" ".join(gain.group)) for gain in shown_here]
            if means:
                inside = color if marked else "none"
                axis.plot(means, heights, marker, color=color, markerfacecolor=inside, markersize=4.5)
    for gain in entries:
        if gain.finding is not None and gain.finding.mark != "open" and gain.finding.interval is not None:
            end = gain.finding.interval[1], names.index(" ".join(gain.group))
            axis.annotate(ARROWS[gain.finding.mark], end, xytext=(3, 0), textcoords="offset points", va="center")
    axis.set_xlabel("points over no intermediate", fontsize=8)


def _intervals(axis: Axes, entries: Sequence[Gain], names: Sequence[str], color: str) -> None:
    """Draw the intervals of a method: solid lines over trainings and items, dotted lines over items alone."""
    from matplotlib.collections import LineCollection

    for basis, style in (("trainings and items", "-"), ("items", ":")):
        lines = [
            [(end, names.index(" ".join(gain.group))) for end in gain.finding.interval]
            for gain in entries
            if gain.finding is not None and gain.finding.interval is not None and gain.finding.basis == basis
        ]
        if lines:
            axis.add_collection(LineCollection(lines, colors=color, linewidths=1.4, linestyles=style))
    axis.autoscale_view()


SECTION = Section(
    6,
    picture="gains",
    draw=draw,
    title="Gains with 95 % intervals",
    explained="Differences to no intermediate, in points. A line is the 95 % interval: solid over trainings and test "
    "items, dotted over test items alone. A filled point is larger than chance (▲ gain, ▼ loss).",
)
