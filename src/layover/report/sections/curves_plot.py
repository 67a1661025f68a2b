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

INTERMEDIATES = "intermediates"
BESIDE = 4
"""Number of panels in a row of the picture."""
MOST_POINTS = 60
"""Number of evaluations that are drawn of a training; of more, some are left out."""


def panels(rows: Sequence[CellRow]) -> dict[str, dict[str, dict[str, TrainingCurve]]]:
    """Return the curves by panel (target or intermediates, and method), intermediate and key.

    Retrieval trains no target, so it has no panel of its own.
    """
    by_panel: dict[str, dict[str, dict[str, TrainingCurve]]] = {}
    for (model, method, intermediate), members in by_group(rows).items():
        for row in members:
            trained = row.cell.train if row.cost is not None else None
            for curve in row.curves:
                what_for = row.cell.target if curve.key == trained else INTERMEDIATES
                panel = by_panel.setdefault(f"{what_for}: {model} {method}", {})
                panel.setdefault(intermediate, {})[curve.key] = curve
    return {name: panel for name, panel in by_panel.items() if any(panel.values())}


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if no training was evaluated."""
    by_panel = panels(rows)
    if not by_panel:
        return None
    columns = min(BESIDE, len(by_panel))
    lines = -(-len(by_panel) // columns)
    made = figure(2.7 * columns, 1.9 * lines + 0.4)
    axes = made.subplots(lines, columns, squeeze=False)
    intermediates = list(dict.fromkeys(name for panel in by_panel.values() for name in panel))
    for axis in axes.flat[len(by_panel) :]:
        axis.set_axis_off()
    for axis, (name, panel) in zip(axes.flat, by_panel.items(), strict=False):
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
    explained="Each line is one training with one seed, on a target or on intermediate tasks: its development score at "
    "each evaluation, or its training loss if the trainings of a panel have no development scores.",
)
