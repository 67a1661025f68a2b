"""Data that choose weights or a threshold and lack gold: said by a plan, for a run would stop after the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from layover.data.tally import NO_GOLD
from layover.errors import Problem
from layover.plan.gold import lacking
from layover.plan.inputs import ScoreInputs, TokenizeInputs, TrainInputs
from layover.plan.mixtures import MixtureInputs
from layover.plan.nodes import Node
from layover.plan.surveys import Counted, Surveys
from layover.recipe import Recipe


def problems(recipe: Recipe, surveys: Surveys, nodes: Mapping[str, Node]) -> list[Problem]:
    """Return the development data of a plan in which rows that are used have no gold, and training data without any."""
    found: dict[Problem, None] = {}
    for key, use in _choosing(nodes):
        inputs: TokenizeInputs = nodes[key].inputs
        if message := _lacking(inputs, surveys, use):
            found[recipe.source.problem(recipe.place_of(inputs.task.name), message)] = None
    for node in nodes.values():
        for key in node.inputs.data_keys() if node.kind == "train" else ():
            inputs = nodes[key].inputs
            counted = surveys.counted(inputs.task, inputs.location)
            if counted is not None and counted.examples and not counted.gold:
                message = f"{_where(inputs)}: no row has gold{_first(counted)}, so there is nothing to train on"
                found[recipe.source.problem(recipe.place_of(inputs.task.name), message)] = None
    return list(found)


def _choosing(nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """Yield the keys of data that something is chosen by, and what."""
    for node in nodes.values():
        inputs = node.inputs
        if node.kind == "train" and isinstance(inputs, TrainInputs | MixtureInputs):
            parts = [inputs] if isinstance(inputs, TrainInputs) else inputs.tasks
            yield from ((part.selection.data, "weights are") for part in parts if part.selection is not None)
        elif node.kind == "score" and isinstance(inputs, ScoreInputs) and inputs.search is None:
            threshold = inputs.threshold
            for _, key in threshold.predictions.values() if threshold is not None else ():
                yield key, "the threshold for no answer is"


def _lacking(inputs: TokenizeInputs, surveys: Surveys, use: str) -> str:
    """Return that rows which are used lack gold; empty where none does, and where that is not known."""
    found = lacking(inputs, surveys)
    if found is None or not found.count:
        return ""
    first = f" (first {found.first})" if found.first else ""
    return (
        f"{_where(inputs)}: {found.count} of {found.used} rows have no gold{first}, but {use} chosen by them; give "
        "them gold, remove them, or name another file"
    )


def _where(inputs: TokenizeInputs) -> str:
    return f"{inputs.task.name} {inputs.location.split} {inputs.location.language}"


def _first(counted: Counted) -> str:
    places = [one.first for one in counted.left_out if one.reason == NO_GOLD.text and one.first]
    return f" (first {places[0]})" if places else ""
