"""The trials of the searches: their development scores at each evaluation, a panel for each choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layover.errors import printable, shortened
from layover.plan import Plan
from layover.plan.choices import Curve
from layover.plan.searched import Searched, searched
from layover.plan.tuning import mean_of_all
from layover.report._section import Section
from layover.report.curves import thinned
from layover.report.pictures import COLORS, INK, MARKERS, figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BESIDE = 3
"""Number of panels in a row of the picture."""
MOST_PANELS = 24
"""Number of searches that are drawn; of more, the first ones."""
MOST_NAMED = 7
"""Largest number of trials in a panel, beside the chosen one, with a colour and a name each."""
MOST_TRIALS = 40
"""Number of trials that are drawn in a panel; of more, the best ones."""
STAR = "*"
"""The marker of the chosen trial; no other trial has it."""
GREY = "#8a8a8a"
LETTERS = 22
"""Letters of a trial's name in a legend."""


@dataclass(frozen=True)
class TrialLine:
    """A trial as it is drawn."""

    values: str
    """Without the names of the numbers: `0.001, 8`."""
    score: float | None
    chosen: bool
    stopped: bool
    """Whether the search stopped it before the end of its training."""
    paths: tuple[Curve, ...]
    """The mean over its trainings, or the curve of each training if their evaluations differ."""


def lines_of(search: Searched) -> list[TrialLine]:
    """Return the trials of a search that have a curve, in the order of the search."""
    values = {trial.name: trial.values for trial in search.tuned.trials}
    lines = []
    for name, choice_round in search.last_rounds().items():
        curves = () if choice_round.chosen is None else choice_round.chosen.curves.get(name, ())
        if paths := _paths(curves):
            written = ", ".join(f"{value:g}" for value in values[name].values())
            chosen = name == search.chosen
            stopped = choice_round.until is not None
            lines.append(TrialLine(written, choice_round.score(name), chosen, stopped, paths))
    return lines


def _paths(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    """Return the mean of curves with the same epochs, else each curve; a curve without any score is left out."""
    epochs = {tuple(round(epoch, 6) for epoch, _ in curve) for curve in curves}
    if len(epochs) == 1:
        means = (mean_of_all([score for _, score in scores]) for scores in zip(*curves, strict=True))
        curves = [tuple(zip(*epochs, means, strict=True))]
    scored = (curve for curve in curves if any(score is not None for _, score in curve))
    return tuple(tuple(thinned(curve)) for curve in scored)


@styled
def draw(plan: Plan) -> Figure | None:
    """Return the picture, or None if no trial was evaluated."""
    return drawn([(search, lines) for search in searched(plan) if (lines := lines_of(search))])


def drawn(panels: Sequence[tuple[Searched, Sequence[TrialLine]]]) -> Figure | None:
    """Return the picture of searches with their trials; None without any."""
    if not panels:
        return None
    shown = panels[:MOST_PANELS]
    columns = min(BESIDE, len(shown))
    rows = -(-len(shown) // columns)
    made = figure(3.6 * columns, 2.2 * rows + 0.3)
    axes = made.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    for axis, (search, lines) in zip(axes.flat, shown, strict=False):
        _panel(axis, lines, ", ".join(".".join(path) for path in search.tuned.searches))
        title = "\n".join(printable(shortened(part, 50)) for part in (search.method, search.where))
        axis.set_title(title, loc="left", fontsize=8)
    if len(panels) > len(shown):
        made.supxlabel(f"the first {len(shown)} of {len(panels)} searches; tuning.csv has all", fontsize=8)
    return made


def _panel(axis: Axes, lines: Sequence[TrialLine], numbers: str) -> None:
    chosen = [line for line in lines if line.chosen]
    others = [line for line in lines if not line.chosen]
    if len(others) <= MOST_NAMED:
        for place, line in enumerate(others):
            _draw(axis, line, COLORS[place], MARKERS[place], line.values)
    else:
        best = sorted(others, key=lambda line: -math.inf if line.score is None else line.score, reverse=True)
        best = best[: MOST_TRIALS - len(chosen)]
        for place, line in enumerate(best):
            _draw(axis, line, GREY, "", _count(len(best), len(others)) if place == 0 else "")
    for line in chosen:
        _draw(axis, line, INK, STAR, f"{line.values} (chosen)")
    axis.set_xlabel("epoch", fontsize=7)
    axis.set_ylabel("development score", fontsize=7)
    axis.tick_params(labelsize=7)
    axis.legend(
        title=printable(shortened(numbers, LETTERS)),
        title_fontsize=7,
        fontsize=7,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.05),
        borderaxespad=0.2,
    )


def _count(shown: int, every: int) -> str:
    return f"{every} others" if shown == every else f"best {shown} of {every} others"


def _draw(axis: Axes, line: TrialLine, color: str, marker: str, label: str) -> None:
    """Draw a trial: the chosen one is thick and has stars, one that was stopped is dashed."""
    width = 2.2 if line.chosen else 1.1 if marker else 0.6
    for place, path in enumerate(line.paths):
        whole = len(path) > 1 and all(score is not None for _, score in path)
        axis.plot(
            [epoch for epoch, _ in path],
            [math.nan if score is None else score for _, score in path],  # a gap in the line
            color=color,
            linewidth=width,
            linestyle="--" if line.stopped else "-",
            marker=marker or ("" if whole else "."),
            markersize=8 if line.chosen else 4,
            markevery=max(1, len(path) // 8) if whole else 1,
            label=printable(shortened(label, LETTERS + 9)) if label and place == 0 else None,
            zorder=1.8 if line.chosen else 2 if marker else 1.6,  # the thick line hides no named one
        )


SECTION = Section(
    7,
    picture="tuning",
    draw_plan=draw,
    title="Trials of the searches",
    explained="Each panel is the search of one method for one choice. Each line is one trial: its development score at "
    "each evaluation, the mean over its trainings. The thick line with stars is the chosen trial; a dashed line was "
    "stopped early; a trial without a score has no line. The choice compares the scores of the kept weights.",
)
