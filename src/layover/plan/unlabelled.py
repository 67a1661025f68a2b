"""Data that choose weights or a threshold and lack gold: said by a plan, for a run would stop after the training."""

from __future__ import annotations

from collections.abc import Iterator

from layover import kinds
from layover.data.tally import NO_GOLD
from layover.errors import Problem
from layover.plan.gold import lacking
from layover.plan.nodes import Nodes, of, spec_at
from layover.plan.surveys import Counted, Surveys
from layover.recipe import Recipe
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec


def problems(recipe: Recipe, surveys: Surveys, nodes: Nodes) -> list[Problem]:
    """Return the development data of a plan in which rows that are used have no gold, and training data without any."""
    found: dict[Problem, None] = {}
    for key, use in _choosing(nodes):
        data = spec_at(nodes, key, TokenizeSpec)
        if message := _lacking(data, surveys, use):
            found[recipe.source.problem(recipe.place_of(data.task.name), message)] = None
    for node in nodes.values():
        for key in node.spec.learns_from():
            data = spec_at(nodes, key, TokenizeSpec)
            counted = surveys.counted(data.task, data.location)
            if counted is not None and counted.examples and not counted.gold:
                message = f"{_where(data)}: no row has gold{_first(counted)}, so there is nothing to train on"
                found[recipe.source.problem(recipe.place_of(data.task.name), message)] = None
    return list(found)


def _choosing(nodes: Nodes) -> Iterator[tuple[str, str]]:
    """Yield the keys of data that something is chosen by, and what."""
    for training in of(nodes, TrainSpec):
        selections = (task.selection for task in training.spec.tasks)
        yield from ((selection.data, "weights are") for selection in selections if selection is not None)
    for score in of(nodes, ScoreSpec):
        what = "no answer" if kinds.get(score.spec.kind).label_threshold is None else "labels"
        for _, key in score.spec.no_answer.tuned.values() if score.spec.no_answer is not None else ():
            yield key, f"the threshold for {what} is"


def _lacking(data: TokenizeSpec, surveys: Surveys, use: str) -> str:
    """Return that rows which are used lack gold; empty where none does, and where that is not known."""
    found = lacking(data, surveys)
    if found is None or not found.count:
        return ""
    first = f" (first {found.first})" if found.first else ""
    return (
        f"{_where(data)}: {found.count} of {found.used} rows have no gold{first}, but {use} chosen by them; give "
        "them gold, remove them, or name another file"
    )


def _where(data: TokenizeSpec) -> str:
    return f"{data.task.name} {data.location.split} {data.location.language}"


def _first(counted: Counted) -> str:
    places = [one.first for one in counted.left_out if one.reason == NO_GOLD.text and one.first]
    return f" (first {places[0]})" if places else ""
