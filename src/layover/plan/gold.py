"""Used rows without gold: their number, and the data sets at which a run would stop for this reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from layover import kinds
from layover.data.subset import leave_out
from layover.data.tally import NO_GOLD, Tally
from layover.errors import DataError, Problem
from layover.plan.nodes import Nodes, of, spec_at
from layover.plan.surveys import Counted, Surveys
from layover.recipe import Recipe
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec
from layover.tasks import texts_in


@dataclass(frozen=True)
class Lacking:
    """Rows without gold among the used rows."""

    count: int
    used: int
    first: str
    """`file:line` of the first row without gold; empty if there is none, or if unknown."""


def lacking(data: TokenizeSpec, surveys: Surveys) -> Lacking | None:
    """Return the rows without gold among the used rows of a data set; None if unknown."""
    counted = surveys.counted(data.task, data.location)
    if counted is None or counted.problem:
        return None
    missing = counted.examples - counted.gold
    if not missing or not is_part(data):
        return Lacking(missing, counted.examples, _first(counted))
    others = [surveys.counted(data.task, place) for place in data.places[1:]]
    if any(counts is None or counts.problem for counts in others):
        return None
    try:
        return _read(data)
    except DataError:  # a hold-out that leaves nothing is reported elsewhere
        return None


def is_part(data: TokenizeSpec) -> bool:
    """Return whether a recipe removes some rows of a data set."""
    return bool(data.without) or data.subset.limit is not None or data.subset.holdout is not None


def _read(data: TokenizeSpec) -> Lacking:
    kind, tally = kinds.get(data.task.kind), Tally()
    read = data.task.read(data.location, tally)
    numbers = {id(example): number for number, example in enumerate(read)}
    texts = texts_in(data.task, data.places[1:])
    used = data.subset.of(leave_out(read, texts, kind) if texts else read, kind)
    missing = [numbers[id(example)] for example in used if not kind.has_gold(example)]
    return Lacking(len(missing), len(used), tally.where(missing[0]) if missing else "")


def gold_problems(recipe: Recipe, surveys: Surveys, nodes: Nodes) -> list[Problem]:
    """Return the problems of development data with used rows without gold, and of training data without any gold."""
    problems: dict[Problem, None] = {}
    for key, use in _choosing(nodes):
        data = spec_at(nodes, key, TokenizeSpec)
        if message := _lacking(data, surveys, use):
            problems[recipe.source.problem(recipe.place_of(data.task.name), message)] = None
    for node in nodes.values():
        for key in node.spec.learns_from():
            data = spec_at(nodes, key, TokenizeSpec)
            counted = surveys.counted(data.task, data.location)
            if counted is not None and counted.examples and not counted.gold:
                message = f"{_where(data)}: no row has gold{_at(_first(counted))}, so there is nothing to train on"
                problems[recipe.source.problem(recipe.place_of(data.task.name), message)] = None
    return list(problems)


def _choosing(nodes: Nodes) -> Iterator[tuple[str, str]]:
    """Yield the keys of data that choose weights or a threshold, and the subject of a message about the choice."""
    for training in of(nodes, TrainSpec):
        selections = (task.selection for task in training.spec.tasks)
        yield from ((selection.data, "weights are selected") for selection in selections if selection is not None)
    for score in of(nodes, ScoreSpec):
        answer = "no answer" if kinds.get(score.spec.kind).label_threshold is None else "labels"
        for _, key in score.spec.no_answer.tuned.values() if score.spec.no_answer is not None else ():
            yield key, f"the threshold for {answer} is tuned"


def _lacking(data: TokenizeSpec, surveys: Surveys, use: str) -> str:
    """Return the message that used rows lack gold, or an empty text if none does or if unknown."""
    rows = lacking(data, surveys)
    if rows is None or not rows.count:
        return ""
    return (
        f"{_where(data)}: {rows.count} of {rows.used} rows have no gold{_at(rows.first)}, but {use} "
        "on them; add their gold, remove them, or name another file"
    )


def _where(data: TokenizeSpec) -> str:
    return f"{data.task.name} {data.location.split} {data.location.language}"


def _first(counted: Counted) -> str:
    """Return `file:line` of the first row without gold; empty if there is none, or if unknown."""
    places = (rows.first for rows in counted.left_out if rows.reason == NO_GOLD.text and rows.first)
    return next(places, "")


def _at(first: str) -> str:
    return f" (first {first})" if first else ""
