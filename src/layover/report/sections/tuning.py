"""The searches: what was searched, with which budget, the development scores of all trials, and the choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from layover import samplers
from layover.escape import csv_file, inline, markdown_table
from layover.plan import Plan
from layover.plan.choices import Curve
from layover.plan.searched import Searched, repeated_seeds, searched
from layover.plan.tuning import mean_of_all
from layover.report._section import Section
from layover.report.rows import CellRow

HEADERS = ["method", "chosen for", "searched", "chosen", "development score"]
TRIALS = ["trial", "development score", "after each evaluation", ""]
NOTHING = "–"
STAGES = {
    "both": "The values apply to intermediates and targets.",
    "target": "The values apply to the trainings of targets; intermediates have the defaults.",
    "intermediate": "The values apply to the trainings of intermediates; targets have the defaults.",
}


def explained(plan: Plan, searches: Sequence[Searched]) -> str:
    """Return how the values were chosen."""
    tune = plan.recipe.tune
    count = max(len(each.tuned.trials) for each in searches)
    seeds = ", ".join(map(str, tune.seeds))
    sampler = samplers.get(tune.sampler)
    drawn = f", seed {tune.seed}" if sampler.seeded else ""
    text = (
        "Each value was chosen by the development score in the language of the training data. No test data were read "
        f"for a choice. Each method had {count} trials ({inline(tune.sampler)}{drawn}), with training seed {seeds}. "
        f"{STAGES[tune.stage]}"
    )
    if sampler.explained:
        text += f" {inline(sampler.explained)}"
    if repeated := repeated_seeds(plan):
        text += f" Caution: the trials with seed {', '.join(map(str, repeated))} are also among the reported results."
    if tune.untuned:
        text += f" Not tuned: {', '.join(map(inline, tune.untuned))}."
    return text


def _lines(searches: Sequence[Searched]) -> list[list[str]]:
    lines = []
    for each in searches:
        score = None if each.chosen is None else each.rounds[-1].score(each.chosen)
        lines.append([each.method, each.where, each.searches(), each.chosen or "not chosen yet", _number(score)])
    return lines


def _number(score: float | None) -> str:
    return NOTHING if score is None else f"{score:.1f}"


def trials(each: Searched) -> list[list[str]]:
    """Return a line for each trial of a search, from its last round."""
    lines = []
    for value, choice_round in each.last_rounds().items():
        curves = () if choice_round.chosen is None else choice_round.chosen.curves.get(value, ())
        stopped = "" if choice_round.until is None else f"stopped after {choice_round.until:.0%}"
        remark = "chosen" if value == each.chosen else stopped
        if not all(curves):
            remark = "a training diverged"
        lines.append([value, _number(choice_round.score(value)), _course(curves), remark])
    return lines


def _course(curves: Sequence[Curve]) -> str:
    """Return the scores after each evaluation, the mean over trainings of equal length."""
    if not curves or len({len(curve) for curve in curves}) > 1:
        return NOTHING
    steps = zip(*([score for _, score in curve] for curve in curves), strict=True)
    return ", ".join(_number(mean_of_all(scores)) for scores in steps)


def _whole(plan: Plan, _rows: Sequence[CellRow]) -> list[str]:
    searches = searched(plan)
    if not searches:
        return []
    parts = ["## Tuning", explained(plan, searches), markdown_table(HEADERS, _lines(searches))]
    for each in searches:
        parts += [f"Caution: {inline(each.method)} ({inline(each.where)}): {inline(edge)}." for edge in each.edges()]
    for each in searches:
        if lines := trials(each):
            parts += [f"Trials of {inline(each.method)} ({inline(each.where)}):", markdown_table(TRIALS, lines)]
    return parts


def _file(plan: Plan, path: Path) -> bool:
    """Write one line per evaluation of each trial."""
    searches = searched(plan)
    if not searches:
        return False
    with csv_file(path) as writerow:
        writerow(["method", "chosen_for", "until", "trial", "training", "epoch", "score", "trial_score", "chosen"])
        for each in searches:
            for line in _evaluations(each):
                writerow(line)
    return True


def _evaluations(each: Searched) -> Iterator[list[str]]:
    for choice_round in each.rounds:
        if choice_round.chosen is None:
            continue
        for candidate in choice_round.candidates:
            score = choice_round.chosen.scores[candidate.value]
            chosen = str(candidate.value in choice_round.chosen.values).lower()
            start = [each.method, each.where, f"{choice_round.until or 1:g}", candidate.value]
            end = ["" if score is None else repr(score), chosen]
            curves = choice_round.chosen.curves[candidate.value]
            for training, curve in zip(candidate.nodes, curves, strict=True):
                for epoch, value in curve:
                    yield [*start, training, repr(epoch), "" if value is None else repr(value), *end]
                if not curve:
                    yield [*start, training, "", "", *end]


SECTION = Section(22, whole=_whole, file="tuning.csv", write_plan=_file)
