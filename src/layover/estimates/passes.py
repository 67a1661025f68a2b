"""The number of passes of a step over its data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch

from layover.specs import StepSpec
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import USUAL_PERCENT
from layover.specs.train import TrainSpec

ExampleCounts = Callable[[str], int | None]
"""Key of a tokenize node -> the number of its examples; None if unknown."""


@dataclass(frozen=True)
class Pass:
    """A tokenized set, and the number of passes of a node over it."""

    data: str
    times: float
    trains: bool
    """Whether weights are trained on it; else it is prediction-only."""
    kind: str
    hidden_percent: int
    """mlm: percentage of masked tokens."""


@singledispatch
def passes(spec: StepSpec, counts: ExampleCounts) -> tuple[Pass, ...] | None:  # noqa: ARG001
    """Return the passes of a step with an encoder, without early stopping; None if a size is unknown.

    Args:
        spec: Specification of the step.
        counts: Returns the number of examples of a data set.
    """
    return ()


@passes.register
def _(spec: PredictSpec, counts: ExampleCounts) -> tuple[Pass, ...] | None:  # noqa: ARG001
    return (Pass(spec.data, 1.0, trains=False, kind=spec.kind, hidden_percent=USUAL_PERCENT),)


@passes.register
def _(spec: TrainSpec, counts: ExampleCounts) -> tuple[Pass, ...] | None:
    sizes = _sizes(spec, counts)
    if sizes is None:
        return None
    turns, batch = turns_of(spec, sizes), spec.hyperparameters.batch
    total, per_epoch = _total(spec, turns), sum(turns)
    epochs = spec.hyperparameters.epochs if spec.hyperparameters.steps is None else total / per_epoch
    over_data = [
        Pass(task.data, epochs * steps / math.ceil(size / batch), True, task.kind, task.hidden_percent)
        for task, steps, size in zip(spec.tasks, turns, sizes, strict=True)
    ]
    for task in spec.tasks if spec.selection is not None else ():
        if task.selection is not None:
            times = math.ceil(total / (task.selection.every or per_epoch))
            over_data.append(Pass(task.selection.data, float(times), False, task.kind, USUAL_PERCENT))
    return tuple(over_data)


def steps_of(spec: TrainSpec, counts: ExampleCounts) -> int | None:
    """Return the number of optimizer steps of a training, without early stopping; None if a size is unknown."""
    sizes = _sizes(spec, counts)
    return None if sizes is None else _total(spec, turns_of(spec, sizes))


def examples_of(spec: TrainSpec, sizes: Sequence[int]) -> int:
    """Return the number of training examples after sampling, from the sizes of the training sets."""
    return sum(sizes if spec.sampling is None else spec.sampling.sizes(sizes))


def turns_of(spec: TrainSpec, sizes: Sequence[int]) -> list[int]:
    """Return the number of steps of each task in an epoch.

    Args:
        spec: Specification of the training.
        sizes: Examples of each task.
    """
    batch = spec.hyperparameters.batch
    if spec.sampling is None:
        return [math.ceil(size / batch) for size in sizes]
    return spec.sampling.steps(sizes, [task.share for task in spec.tasks], batch=batch)


def _sizes(spec: TrainSpec, counts: ExampleCounts) -> list[int] | None:
    sizes = [size for task in spec.tasks if (size := counts(task.data))]
    return sizes if len(sizes) == len(spec.tasks) else None


def _total(spec: TrainSpec, turns: Sequence[int]) -> int:
    numbers = spec.hyperparameters
    return numbers.steps or max(1, math.ceil(round(numbers.epochs * sum(turns), 6)))
