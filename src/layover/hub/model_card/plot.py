"""The picture of a model card: the score in each language, beside no intermediate and full fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layover import metrics
from layover.errors import printable
from layover.escape import drawn_plainly
from layover.hub.model_card.results import Line, lines_of, mean
from layover.packages.card import Card
from layover.packages.sections import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

WIDTH_INCHES = 6.4
LINE_INCHES, NARROW_INCHES, FEW = 0.27, 0.21, 16
"""Height of a language, and of one of more than so many."""
DOTS_PER_INCH = 200
"""Twice what a page of 640 pixels shows, for sharp screens."""
OWN, WITHOUT, FULL = "#0072B2", "#D55E00", "#000000"
"""Of Okabe and Ito's colours, which are told apart without seeing red or green; the marks differ in shape, too."""


@drawn_plainly()
def draw(card: Card, path: Path) -> bool:
    """Draw the picture as PNG; return False, and draw nothing, when there is no score."""
    lines, scores = lines_of(card), card.scores
    if scores is None or mean(lines, lambda line: line.score) is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = (len(lines) + 1.6) * (LINE_INCHES if len(lines) <= FEW else NARROW_INCHES) + 1.1
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    places = [float(place) for place in range(len(lines))]
    for place, line in zip(places, lines, strict=True):
        _line(axis, place, line.score, line.without, line.full)
        if line.score is None:
            axis.text(0.01, place, "no score", transform=axis.get_yaxis_transform(), va="center", color="0.4")
    if len(lines) > 1:
        places.append(len(lines) + 0.4)
        _line(axis, places[-1], *(_mean_of(lines, value) for value in (_score, _without, _full)))
    _finish(axis, scores, lines, places)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    return True


def _score(line: Line) -> float | None:
    return line.score


def _without(line: Line) -> float | None:
    return line.without


def _full(line: Line) -> float | None:
    return line.full


def _mean_of(lines: Sequence[Line], value: Callable[[Line], float | None]) -> float | None:
    """Return the mean over all languages with a score; None where one of them lacks the number."""
    scored = [line for line in lines if line.score is not None]
    found = mean(scored, value)
    return found.value if found is not None and found.languages == len(scored) else None


def _line(axis: Axes, place: float, score: float | None, without: float | None, full: float | None) -> None:
    """Draw one language, from top to bottom."""
    if score is not None and without is not None:
        axis.plot([without, score], [place, place], color=OWN, linewidth=1.6, alpha=0.45, zorder=2)
    for mark, value in ((_full_mark, full), (_without_mark, without), (_own_mark, score)):
        if value is not None:
            axis.add_line(mark([value], [place]))


def _own_mark(x: Sequence[float], y: Sequence[float]) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D(x, y, linestyle="", marker="o", color=OWN, markersize=7.5, zorder=5, label="this package")


def _without_mark(x: Sequence[float], y: Sequence[float]) -> Line2D:
    from matplotlib.lines import Line2D

    mark = Line2D(x, y, linestyle="", marker="D", color="white", markersize=7, zorder=4, label="no intermediate")
    mark.set_markeredgecolor(WITHOUT)
    mark.set_markeredgewidth(1.6)
    return mark


def _full_mark(x: Sequence[float], y: Sequence[float]) -> Line2D:
    from matplotlib.lines import Line2D

    mark = Line2D(x, y, linestyle="", marker="|", color=FULL, markersize=13, zorder=3, label="full fine-tuning")
    mark.set_markeredgewidth(1.8)
    return mark


def _finish(axis: Axes, scores: Scores, lines: Sequence[Line], places: Sequence[float]) -> None:
    names = [f"{line.language} (trained)" if line.zero_shot is False else line.language for line in lines]
    if len(places) > len(lines):
        names.append(f"mean of {sum(line.score is not None for line in lines)}")
        axis.axhline(len(lines) - 0.3, color="0.75", linewidth=0.8)
        if lines[0].zero_shot is False:
            axis.axhline(0.5, color="0.75", linewidth=0.8, linestyle=":")
    axis.set_yticks(places, [*map(printable, names)])
    axis.set_ylim(places[-1] + 0.7, -0.7)
    axis.margins(x=0.06)
    axis.autoscale_view(scaley=False)
    unit = metrics.get(scores.metric).unit
    axis.set_xlabel(printable(f"{scores.metric}, {unit}, {scores.split} split"), fontsize=10)
    axis.tick_params(length=0, labelsize=10)
    if len(places) > len(lines):
        axis.get_yticklabels()[-1].set_fontweight("bold")
    axis.grid(axis="x", color="0.9", linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    handles = [_own_mark([], [])]
    handles += [_without_mark([], [])] if any(line.without is not None for line in lines) else []
    handles += [_full_mark([], [])] if any(line.full is not None for line in lines) else []
    axis.figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
