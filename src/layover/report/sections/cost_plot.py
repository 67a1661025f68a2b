"""Cost against score: what each method and intermediate costs, and what it reaches on each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from layover.errors import printable
from layover.report._section import Section
from layover.report.pictures import COLORS, INK, MARKERS, figure, styled
from layover.report.rows import CellRow, by_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BESIDE = 3


@dataclass(frozen=True)
class CostPoint:
    """One group of seeds on one target."""

    group: tuple[str, str, str]
    seconds: float
    """Mean training time, with the trainings before it."""
    score: float


def points(rows: Sequence[CellRow]) -> dict[str, list[CostPoint]]:
    """Return the points by target; groups with an unknown time or score have none."""
    by_target: dict[str, list[CostPoint]] = {}
    for group, members in by_group(rows).items():
        for target in dict.fromkeys(row.cell.target for row in members):
            known = [
                (row.cost.seconds + row.cost.seconds_before, row.value)
                for row in members
                if row.cell.target == target and row.cost is not None and row.value is not None
                if row.cost.seconds is not None and row.cost.seconds_before is not None
            ]
            if known:
                seconds, scores = zip(*known, strict=True)
                by_target.setdefault(target, []).append(CostPoint(group, fmean(seconds), fmean(scores)))
    return by_target


def front(every: Sequence[CostPoint]) -> list[CostPoint]:
    """Return the points that no other point beats in both cost and score, from cheap to dear."""
    best: list[CostPoint] = []
    for point in sorted(every, key=lambda point: (point.seconds, -point.score)):
        if not best or point.score > best[-1].score:
            best.append(point)
    return best


@styled
def draw(rows: Sequence[CellRow]) -> Figure | None:
    """Return the picture, or None if no training has a known time."""
    by_target = points(rows)
    if not by_target:
        return None
    methods = list(dict.fromkeys(point.group[:2] for every in by_target.values() for point in every))
    columns = min(BESIDE, len(by_target))
    lines = -(-len(by_target) // columns)
    made = figure(3.3 * columns, 2.7 * lines + 0.4)
    axes = made.subplots(lines, columns, squeeze=False)
    for axis in axes.flat[len(by_target) :]:
        axis.set_axis_off()
    for axis, (target, every) in zip(axes.flat, by_target.items(), strict=False):
        _target(axis, every, methods)
        axis.set_title(printable(target), loc="left", fontsize=9)
    signs = [
        axes.flat[0].plot([], [], MARKERS[n % len(MARKERS)], color=COLORS[n % len(COLORS)])[0]
        for n in range(len(methods))
    ]
    names = [printable(" ".join(method)) for method in methods]
    made.legend(signs, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return made


def _target(axis: Axes, every: Sequence[CostPoint], methods: Sequence[tuple[str, ...]]) -> None:
    beaten = front(every)
    seconds, scores = [point.seconds for point in beaten], [point.score for point in beaten]
    axis.plot(seconds, scores, color=INK, linewidth=0.8, linestyle="--")
    for place, method in enumerate(methods):
        own = [point for point in every if point.group[:2] == method]
        marker, color = MARKERS[place % len(MARKERS)], COLORS[place % len(COLORS)]
        seconds, scores = [point.seconds for point in own], [point.score for point in own]
        axis.plot(seconds, scores, marker, color=color, markersize=5, alpha=0.9)
    for point in beaten:
        axis.annotate(
            printable(point.group[2]),
            (point.seconds, point.score),
            xytext=(4, -8),
            textcoords="offset points",
            fontsize=6,
        )
    axis.set_xlabel("seconds of training", fontsize=8)
    axis.set_ylabel("score", fontsize=8)
    axis.tick_params(labelsize=7)


SECTION = Section(
    9,
    picture="cost",
    draw=draw,
    title="Cost and score",
    explained="Each point is the mean over seeds of a method with an intermediate: seconds of training, with those of "
    "its intermediates, and the score over all languages. The dashed line joins the points that no other beats in "
    "both.",
)
