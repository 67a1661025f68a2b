"""The plot of the mixing weights: each module of each method and target, layer by layer.

Numbers are percent. The colour is the difference to an equal weight, 100 / K for K modules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from statistics import fmean
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.pictures import figure, styled
from layover.report.rows import CellRow, by_group
from layover.report.sections.shares import by_layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SQUARE_INCHES, LETTER_INCHES = 0.36, 0.085
MOST_NUMBERED = 12
"""Largest number of layers with room for numbers in their squares."""

Panel = Mapping[str, Mapping[int, float]]
"""Module -> layer -> mean mixing weight over seeds, in percent."""


def panels(rows: Sequence[CellRow]) -> dict[tuple[str, str, str], dict[str, Panel]]:
    """Return the panels by (model, method, intermediate) and target."""
    drawn: dict[tuple[str, str, str], dict[str, Panel]] = {}
    for group, members in by_group([row for row in rows if row.mixing_weights]).items():
        for target in dict.fromkeys(row.cell.target for row in members):
            weights = by_layer([row for row in members if row.cell.target == target])
            drawn.setdefault(group, {})[target] = {
                member: {layer: 100 * fmean(values) for layer, values in layers.items()}
                for member, layers in weights.items()
            }
    return drawn


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if nothing is mixed."""
    drawn = panels(rows)
    if not drawn:
        return None
    every = [panel for by_target in drawn.values() for panel in by_target.values()]
    targets = list(dict.fromkeys(target for by_target in drawn.values() for target in by_target))
    layers = sorted({layer for panel in every for weights in panel.values() for layer in weights})
    limit = max(abs(value - _equal(panel)) for panel in every for line in panel.values() for value in line.values())
    names = max(len(member) for panel in every for member in panel) * LETTER_INCHES
    heights = [max(map(len, by_target.values())) * SQUARE_INCHES + 0.8 for by_target in drawn.values()]
    width = len(targets) * (max(len(layers) * SQUARE_INCHES, 1.6) + names + 0.3) + 1.2
    made = figure(width, sum(heights) + 0.8)
    axes = made.subplots(len(drawn), len(targets), squeeze=False, height_ratios=heights)
    image = None
    for line, (group, by_target) in zip(axes, drawn.items(), strict=True):
        for axis, target in zip(line, targets, strict=True):
            if target not in by_target:
                axis.set_axis_off()
                continue
            image = _panel(axis, by_target[target], layers, limit or 1.0)
            axis.set_title(printable(f"{target}: {' '.join(group[:2])}"), loc="left", fontsize=9)
            axis.set_xlabel("layer", fontsize=8)
    if image is not None:
        made.colorbar(image, ax=axes, label="points above an equal weight", shrink=0.8)
    return made


def _equal(panel: Panel) -> float:
    return 100 / len(panel)


def _panel(axis: Axes, panel: Panel, layers: Sequence[int], limit: float) -> AxesImage:
    """Draw layers from left to right and modules from top to bottom; a layer without modules is empty."""
    grid = [[weights.get(layer, float("nan")) for layer in layers] for weights in panel.values()]
    above = [[value - _equal(panel) for value in line] for line in grid]
    image = axis.imshow(above, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    for y, line in enumerate(grid if len(layers) <= MOST_NUMBERED else []):
        for x, value in enumerate(line):
            color = "white" if abs(above[y][x]) > 0.6 * limit else "black"
            shown = "" if isnan(value) else f"{value:.0f}"
            axis.text(x, y, shown, ha="center", va="center", color=color, fontsize=7)
    every = -(-len(layers) // MOST_NUMBERED)
    axis.set_xticks(range(0, len(layers), every), [str(layer) for layer in layers[::every]], fontsize=8)
    axis.set_yticks(range(len(panel)), [*map(printable, panel)], fontsize=8)
    axis.tick_params(length=0)
    return image


SECTION = Section(
    55,
    picture="shares",
    draw=draw,
    title="Mixing weight of each module",
    explained="Percent, by layer. The colour is the difference to an equal weight.",
)
