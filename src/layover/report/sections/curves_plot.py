"""The learning curves of all trainings: development scores, and losses where a training has no scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.curves import TrainingCurve
from layover.report.pictures import COLORS, figure, styled
from layover.report.rows import CellRow, by_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BESIDE = 4
"""Number of panels in a row of the picture."""
MOST_POINTS = 60
"""Number of evaluations that are drawn of a training; of more, some are left out."""


def panels(rows: Sequence[CellRow]) -> dict[str, dict[str, dict[str, TrainingCurve]]]:
    """Return the curves by panel (target and method), intermediate and key."""
    found: dict[str, dict[str, dict[str, TrainingCurve]]] = {}
    for (model, method, intermediate), members in by_group(rows).items():
        for row in members:
            own = [curve for curve in row.curves if curve.key == row.cell.train]
            name = f"{row.cell.target}: {model} {method}"
            found.setdefault(name, {}).setdefault(intermediate, {}).update({curve.key: curve for curve in own})
    return {name: panel for name, panel in found.items() if any(panel.values())}


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if no training was evaluated."""
    found = panels(rows)
    if not found:
        return None
    columns = min(BESIDE, len(found))
    lines = -(-len(found) // columns)
    made = figure(2.7 * columns, 1.9 * lines + 0.4)
    axes = made.subplots(lines, columns, squeeze=False)
    intermediates = list(dict.fromkeys(name for panel in found.values() for name in panel))
    for axis in axes.flat[len(found) :]:
        axis.set_axis_off()
    for axis, (name, panel) in zip(axes.flat, found.items(), strict=False):
        _panel(axis, panel, intermediates)
        axis.set_title(printable(name), loc="left", fontsize=8)
    lines_of = [axes.flat[0].plot([], [], color=COLORS[n % len(COLORS)])[0] for n in range(len(intermediates))]
    made.legend(
        lines_of, [*map(printable, intermediates)], loc="outside lower center", ncols=4, fontsize=8, frameon=False
    )
    return made


def _panel(axis: Axes, panel: dict[str, dict[str, TrainingCurve]], intermediates: Sequence[str]) -> None:
    curves = [curve for by_key in panel.values() for curve in by_key.values()]
    scored = any(point.score is not None for curve in curves for point in curve.points)
    for intermediate, by_key in panel.items():
        color = COLORS[intermediates.index(intermediate) % len(COLORS)]
        for curve in by_key.values():
            values = [(point.epoch, point.score if scored else point.loss) for point in curve.points]
            known = [(epoch, value) for epoch, value in values if value is not None]
            every = -(-len(known) // MOST_POINTS) if known else 1
            thinned = known[::-every][::-1]
            axis.plot(
                [epoch for epoch, _ in thinned],
                [value for _, value in thinned],
                color=color,
                linewidth=1,
                alpha=0.85,
                marker="." if len(thinned) < 12 else None,
                markersize=3,
            )
    axis.set_xlabel("epoch", fontsize=7)
    axis.set_ylabel("development score" if scored else "training loss", fontsize=7)
    axis.tick_params(labelsize=7)


SECTION = Section(
    8,
    picture="curves",
    draw=draw,
    title="Learning curves",
    explained="Each line is the training of one seed on the target: its development score at each evaluation, or its "
    "training loss if it has no development scores.",
)
