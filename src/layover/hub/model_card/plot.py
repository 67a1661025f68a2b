"""The picture of a model card: the score in each language, without an intermediate, and of full fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover import metrics
from layover.errors import printable
from layover.escape import drawn_plainly
from layover.hub.model_card.results import Line, lines_of, mean
from layover.packages.card import Card
from layover.packages.sections import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 6.4
LINE_INCHES, NARROW_INCHES, FEW = 0.27, 0.21, 16
"""Height of a language, and its height if there are more than `FEW` languages."""
DOTS_PER_INCH = 200
"""Twice what a page of 640 pixels shows, for sharp screens."""
OWN, WITHOUT, FULL = "#0072B2", "#D55E00", "#000000"
"""Colours of Okabe and Ito, which differ for readers with red-green blindness; the marks differ in shape, too."""
MARKS: Mapping[str, Mapping[str, Any]] = {
    "this package": {"marker": "o", "color": OWN, "markersize": 7.5, "zorder": 5},
    "no intermediate": {
        "marker": "D",
        "color": "white",
        "markeredgecolor": WITHOUT,
        "markersize": 7,
        "markeredgewidth": 1.6,
        "zorder": 4,
    },
    "full fine-tuning": {"marker": "|", "color": FULL, "markersize": 13, "markeredgewidth": 1.8, "zorder": 3},
}
"""The entries of the legend, in its order."""


@drawn_plainly()
def draw(card: Card, path: Path) -> bool:
    """Draw the picture as PNG, and return True; without a score draw nothing, and return False."""
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
        means = [
            _mean_of(lines, value)
            for value in (lambda line: line.score, lambda line: line.without, lambda line: line.full)
        ]
        _line(axis, places[-1], *means)
    _finish(axis, scores, lines, places)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    return True


def _mean_of(lines: Sequence[Line], value: Callable[[Line], float | None]) -> float | None:
    """Return the mean over all languages with a score, or None if a language lacks the number."""
    scored = [line for line in lines if line.score is not None]
    whole = mean(scored, value)
    return whole.value if whole is not None and whole.languages == len(scored) else None


def _line(axis: Axes, place: float, score: float | None, without: float | None, full: float | None) -> None:
    """Draw a language as a line of the picture."""
    if score is not None and without is not None:
        axis.plot([without, score], [place, place], color=OWN, linewidth=1.6, alpha=0.45, zorder=2)
    for name, value in (("full fine-tuning", full), ("no intermediate", without), ("this package", score)):
        if value is not None:
            axis.plot([value], [place], linestyle="", label=name, **MARKS[name])


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
    drawn = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    handles = [drawn[name] for name in MARKS if name in drawn]
    axis.figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
