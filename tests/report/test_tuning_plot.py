"""The picture of the trials: what is drawn of a search, and its bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from layover.plan.choices import Candidate, Curve, Round, RoundResult
from layover.plan.searched import Searched
from layover.recipe.resolved import ResolvedMethod, Trial, TunedMethod
from layover.report import sections
from layover.report.curves import MOST_POINTS
from layover.report.pictures import picture
from layover.report.sections import tuning_plot
from layover.report.sections.tuning_plot import MOST_NAMED, MOST_PANELS, MOST_TRIALS, TrialLine, drawn, lines_of
from layover.samplers import ListSearch


def curve(*scores: float | None) -> Curve:
    return tuple((float(epoch), score) for epoch, score in enumerate(scores, start=1))


def search_of(
    *rounds: tuple[float | None, Mapping[float, Sequence[Curve]], float], method: str = "lora", where: str = "mini"
) -> Searched:
    """Return a search of learning rates from rounds of (share of the steps, rate -> curves, chosen rate)."""
    rates = sorted({rate for _, curves, _ in rounds for rate in curves})
    trials = {rate: Trial({("lr",): rate}, ResolvedMethod.model_construct(trial=f"lr={rate}")) for rate in rates}
    closed = []
    for until, curves, chosen in rounds:
        by_name = {f"lr={rate}": tuple(each) for rate, each in curves.items()}
        scores = {name: max(score or 0.0 for _, score in each[0]) for name, each in by_name.items() if each[0]}
        candidates = tuple(Candidate(f"lr={rate}", trials[rate].method, ()) for rate in curves)
        result = RoundResult((f"lr={chosen}",), {**dict.fromkeys(by_name), **scores}, by_name)
        closed.append(Round("", "", candidates, chosen=result, method_name=method, where=where, until=until))
    tuned = TunedMethod({("lr",): ListSearch(search=tuple(rates))}, tuple(trials.values()))
    return Searched(method, where, tuned, tuple(closed))


ALL = search_of((None, {1e-4: [curve(40, 50)], 1e-3: [curve(80, 70)], 1e-2: [()]}, 1e-3))


def test_a_trial_is_the_mean_of_its_trainings_and_one_without_scores_has_no_line() -> None:
    assert [(line.values, line.chosen, line.stopped) for line in lines_of(ALL)] == [
        ("0.0001", False, False),
        ("0.001", True, False),
    ]
    several = search_of((None, {1e-4: [curve(40, 50, None), curve(60, 80, 90)], 1e-3: [curve(1), curve(2, 3)]}, 1e-4))
    first, second = lines_of(several)
    assert first.paths == (curve(50, 65, None),), "a mean has no number where a score is missing"
    assert second.paths == (curve(1), curve(2, 3)), "trainings of other lengths have no mean"


def test_a_trial_of_halving_is_drawn_from_its_last_round() -> None:
    halving = search_of(
        (0.25, {1e-4: [curve(40)], 1e-3: [curve(30)]}, 1e-4),
        (None, {1e-4: [curve(40, 50, 55, 60)]}, 1e-4),
    )
    kept, stopped = lines_of(halving)
    assert (kept.chosen, kept.stopped, len(kept.paths[0])) == (True, False, 4)
    assert (stopped.chosen, stopped.stopped, len(stopped.paths[0])) == (False, True, 1)
    figure = drawn([(halving, (kept, stopped))])
    assert figure is not None
    by_label = {str(line.get_label()): line for line in figure.axes[0].lines}
    chosen, other = by_label["0.0001 (chosen)"], by_label["0.001"]
    assert (chosen.get_marker(), chosen.get_linestyle(), other.get_linestyle()) == ("*", "-", "--")
    assert chosen.get_linewidth() >= 2 * other.get_linewidth(), "it is seen in a grey print"
    assert chosen.get_marker() != other.get_marker()
    assert chosen.get_zorder() < other.get_zorder(), "a thick line hides no thin one of equal scores"


def test_a_missing_score_is_a_gap() -> None:
    search = search_of((None, {1e-4: [curve(40, None, 50)], 1e-3: [curve(None, None)]}, 1e-4))
    (line,) = lines_of(search)
    figure = drawn([(search, [line])])
    assert figure is not None
    (plotted,) = figure.axes[0].lines
    heights = [*map(float, plotted.get_ydata())]  # type: ignore[arg-type]
    assert (heights[0], heights[2]) == (40.0, 50.0)
    assert heights[1] != heights[1], "not a number"


def test_many_searches_trials_and_evaluations_stay_bounded() -> None:
    rates = [round(place * 1e-3, 3) for place in range(1, 101)]
    many = search_of((None, {rate: [curve(*range(int(rate * 1000), 500))] for rate in rates}, 0.1))
    lines = lines_of(many)
    assert max(len(path) for line in lines for path in line.paths) == MOST_POINTS
    assert lines[0].paths[0][-1] == many.rounds[0].chosen.curves["lr=0.001"][0][-1]  # type: ignore[union-attr]
    figure = drawn([(many, lines)] * (MOST_PANELS + 1))
    assert figure is not None
    assert len(figure.axes) == MOST_PANELS
    assert figure.get_supxlabel() == "the first 24 of 25 searches; tuning.csv has all"
    axis = figure.axes[0]
    assert len(axis.lines) == MOST_TRIALS
    legend = axis.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["best 39 of 99 others", "0.1 (chosen)"]


def test_the_best_of_many_trials_are_drawn() -> None:
    curves = {float(rate): [curve(rate / 2, rate)] for rate in range(1, 61)}
    many = search_of((None, curves, 1.0))
    figure = drawn([(many, lines_of(many))])
    assert figure is not None
    last = sorted(float(line.get_ydata()[-1]) for line in figure.axes[0].lines)  # type: ignore[index,arg-type]
    assert last == [1.0, *map(float, range(22, 61))], "the chosen one, and the best 39"


def test_each_of_a_few_trials_has_its_own_shape() -> None:
    lines = [TrialLine(f"{place}", 1.0, place == 0, False, (curve(1, 2),)) for place in range(MOST_NAMED + 1)]
    figure = drawn([(ALL, lines)])
    assert figure is not None
    looks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines}
    assert len({color for color, _ in looks}) == len({marker for _, marker in looks}) == MOST_NAMED + 1


def test_names_are_text_in_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = search_of(
        (None, {1e-4: [curve(40, 50)], 1e-3: [curve(1)]}, 1e-4), method="<b>$x_1$\x1b[0m", where="_mini & more"
    )
    monkeypatch.setattr(tuning_plot, "searched", lambda _: [odd])
    section = sections.get("tuning_plot")
    figure = section.drawn(None, ())  # type: ignore[arg-type]
    assert figure is not None
    svg = picture(figure, "tuning").svg
    assert "&lt;b&gt;$x_1$" in svg
    assert "_mini &amp; more" in svg
    assert "\x1b" not in svg


def test_without_an_evaluated_trial_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = search_of((None, {1e-4: [()], 1e-3: [()]}, 1e-4))
    monkeypatch.setattr(tuning_plot, "searched", lambda _: [waiting])
    assert sections.get("tuning_plot").drawn(None, ()) is None  # type: ignore[arg-type]
