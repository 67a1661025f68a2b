"""The learning curves of all trainings: development scores, and losses where a training has no scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.curves import TrainingCurve, thinned
from layover.report.pictures import COLORS, figure, styled
from layover.report.rows import CellRow, by_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INTERMEDIATES = "intermediates"
BESIDE = 4
"""Number of panels in a row of the picture."""
MOST_PANELS = 24
"""Largest number of panels for each method alone. With more, the methods of a target share a panel."""

Panels = dict[str, dict[str, dict[str, TrainingCurve]]]
"""Panel -> colour -> key of the training -> curve."""


def panels(rows: Sequence[CellRow]) -> Panels:
    """Return the curves by panel: a target, or the intermediates, with one method; the colour is the intermediate.

    In a large sweep the panel has all methods, and the colour is the method. Retrieval trains no target, so it has no
    panel of its own.
    """
    apart = _panels(rows, together=False)
    return apart if len(apart) <= MOST_PANELS else _panels(rows, together=True)


def _panels(rows: Sequence[CellRow], *, together: bool) -> Panels:
    by_panel: Panels = {}
    for (model, method, intermediate), members in by_group(rows).items():
        name, color = (model, method) if together else (f"{model} {method}", intermediate)
        for row in members:
            trained = row.cell.train if row.cost is not None else None
            for curve in row.curves:
                trained_on = row.cell.target if curve.key == trained else INTERMEDIATES
                panel = by_panel.setdefault(f"{trained_on}: {name}", {})
                panel.setdefault(color, {})[curve.key] = curve
    return by_panel


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
    names = list(dict.fromkeys(name for panel in by_panel.values() for name in panel))
    for axis in axes.flat[len(by_panel) :]:
        axis.set_axis_off()
    for axis, (title, panel) in zip(axes.flat, by_panel.items(), strict=False):
        _panel(axis, panel, names)
        axis.set_title(printable(title), loc="left", fontsize=8)
    signs = [axes.flat[0].plot([], [], color=_color(place))[0] for place in range(len(names))]
    made.legend(signs, [*map(printable, names)], loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return made


def _color(place: int) -> str:
    return COLORS[place % len(COLORS)]


def _panel(axis: Axes, panel: dict[str, dict[str, TrainingCurve]], names: Sequence[str]) -> None:
    from matplotlib.collections import LineCollection

    curves = [curve for by_key in panel.values() for curve in by_key.values()]
    scored = any(point.score is not None for curve in curves for point in curve.points)
    for name, by_key in panel.items():
        paths = [path for curve in by_key.values() if (path := _path(curve, scored=scored))]
        width = 1.0 if len(curves) < 50 else 0.6
        axis.add_collection(LineCollection(paths, colors=_color(names.index(name)), linewidths=width, alpha=0.85))
        single = [path[0] for path in paths if len(path) == 1]
        if single:
            axis.plot(*zip(*single, strict=True), ".", color=_color(names.index(name)), markersize=3)
    axis.autoscale_view()
    axis.set_xlabel("epoch", fontsize=7)
    axis.set_ylabel("development score" if scored else "training loss", fontsize=7)
    axis.tick_params(labelsize=7)


def _path(curve: TrainingCurve, *, scored: bool) -> list[tuple[float, float]]:
    """Return (epoch, value) of the evaluations, the last one included."""
    values = [(point.epoch, point.score if scored else point.loss) for point in curve.points]
    return thinned([(epoch, value) for epoch, value in values if value is not None])


SECTION = Section(
    8,
    picture="curves",
    draw=draw,
    title="Learning curves",
    explained="Each line is one training with one seed, on a target or on intermediate tasks: its development score at "
    "each evaluation, or its training loss if the trainings of a panel have no development scores.",
)
