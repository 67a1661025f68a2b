"""How often a node goes over its data, and how much of the encoder differs from the pretrained one while it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from layover.data.masking import PERCENT
from layover.plan.inputs import ComposeInputs, GateInputs, PredictInputs, TrainInputs
from layover.plan.mixtures import MixtureInputs, Taught
from layover.plan.nodes import Node

Training = TrainInputs | MixtureInputs

Counts = Callable[[str], int | None]
"""Key of a tokenize node -> its examples, None where they are not known."""


@dataclass(frozen=True)
class Pass:
    """One tokenized set, and how often a node goes over it."""

    data: str
    times: float
    trains: bool
    """Whether weights are trained on it; else it is only predicted."""
    kind: str
    hidden_percent: int
    """mlm: share of the tokens that are to be guessed."""


def tasks_of(inputs: Training) -> tuple[TrainInputs | Taught, ...]:
    """Return what a training is made of, task by task."""
    return inputs.tasks if isinstance(inputs, MixtureInputs) else (inputs,)


def data_of(inputs: Training, *, selects: bool) -> list[str]:
    """Return the keys of the data that a training reads, with those it is selected on; gates are not selected."""
    tasks = tasks_of(inputs)
    selected = [one.selection.data for one in tasks if one.selection is not None] if selects else []
    return [*(one.data for one in tasks), *selected]


def on_encoder(nodes: Mapping[str, Node], node: Node) -> Training | ComposeInputs:
    """Return what is on the encoder while a train, gate or predict node runs."""
    found: Training | ComposeInputs = node.inputs
    if isinstance(node.inputs, PredictInputs):
        found = nodes[node.inputs.train].inputs
    elif isinstance(node.inputs, GateInputs):
        found = node.inputs.trained
    return found


def changed_from(inputs: Training | ComposeInputs, num_layers: int) -> int:
    """Return the lowest layer that anything on the encoder changes, `num_layers` where nothing does.

    Up to there the encoder is the pretrained one, in training and after it.
    """
    found = [] if isinstance(inputs, ComposeInputs) else list(inputs.module.layers_of(num_layers))
    if inputs.composed is not None:
        found += inputs.composed.layers_of(num_layers)
    return min(found, default=num_layers)


def passes(inputs: Training | GateInputs | PredictInputs, counts: Counts) -> tuple[Pass, ...] | None:
    """Return what a node goes over, as if no training ended early; None where a size that decides it is not known."""
    if isinstance(inputs, PredictInputs):
        return (Pass(inputs.data, 1.0, trains=False, kind=inputs.task.kind, hidden_percent=PERCENT),)
    trained, given = (inputs.trained, inputs.steps) if isinstance(inputs, GateInputs) else (inputs, None)
    taught = tasks_of(trained)
    sizes = [size for one in taught if (size := counts(one.data))]
    if len(sizes) < len(taught):
        return None
    batch, turns = trained.optimisation.batch, _turns(trained, sizes)
    per_epoch = sum(turns)
    epochs = trained.optimisation.epochs if given is None else given / per_epoch
    found = [
        Pass(one.data, epochs * steps / math.ceil(size / batch), True, one.task.kind, one.hidden_percent)
        for one, steps, size in zip(taught, turns, sizes, strict=True)
    ]
    total = _total(epochs, turns)
    for one in taught if given is None else ():
        if one.selection is not None:
            times = math.ceil(total / (one.selection.every or per_epoch))
            found.append(Pass(one.selection.data, float(times), False, one.task.kind, PERCENT))
    return tuple(found)


def steps_of(inputs: Training, counts: Counts) -> int | None:
    """Return the optimiser steps of a training, as if it did not end early; None where a size is not known."""
    sizes = [counts(one.data) for one in tasks_of(inputs)]
    known = [size for size in sizes if size]
    return None if len(known) < len(sizes) else _total(inputs.optimisation.epochs, _turns(inputs, known))


def _total(epochs: float, turns: Sequence[int]) -> int:
    return max(1, math.ceil(round(epochs * sum(turns), 6)))


def _turns(inputs: Training, sizes: Sequence[int]) -> list[int]:
    """Return the steps that each task has in an epoch."""
    batch = inputs.optimisation.batch
    if isinstance(inputs, MixtureInputs):
        return inputs.sampling.steps(sizes, [one.weight for one in inputs.tasks], batch=batch)
    return [math.ceil(size / batch) for size in sizes]
