"""How often a step goes over its data."""

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


@singledispatch
def passes(spec: StepSpec, counts: ExampleCounts) -> tuple[Pass, ...] | None:  # noqa: ARG001
    """Return what a step goes over with an encoder, as if no training ended early; None where a size is not known.

    Args:
        spec: Of the step.
        counts: See `ExampleCounts`.
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
    gone_over = [
        Pass(one.data, epochs * steps / math.ceil(size / batch), True, one.kind, one.hidden_percent)
        for one, steps, size in zip(spec.tasks, turns, sizes, strict=True)
    ]
    for one in spec.tasks if spec.selection is not None else ():
        if one.selection is not None:
            times = math.ceil(total / (one.selection.every or per_epoch))
            gone_over.append(Pass(one.selection.data, float(times), False, one.kind, USUAL_PERCENT))
    return tuple(gone_over)


def steps_of(spec: TrainSpec, counts: ExampleCounts) -> int | None:
    """Return the optimizer steps of a training, as if it did not end early; None where a size is not known."""
    sizes = _sizes(spec, counts)
    return None if sizes is None else _total(spec, turns_of(spec, sizes))


def examples_of(spec: TrainSpec, sizes: Sequence[int]) -> int:
    """Return the examples that count of training sets of some sizes."""
    return sum(sizes if spec.sampling is None else spec.sampling.sizes(sizes))


def turns_of(spec: TrainSpec, sizes: Sequence[int]) -> list[int]:
    """Return the steps that each task has in an epoch.

    Args:
        spec: Of the training.
        sizes: Examples of each task.
    """
    batch = spec.hyperparameters.batch
    if spec.sampling is None:
        return [math.ceil(size / batch) for size in sizes]
    return spec.sampling.steps(sizes, [one.share for one in spec.tasks], batch=batch)


def _sizes(spec: TrainSpec, counts: ExampleCounts) -> list[int] | None:
    sizes = [size for one in spec.tasks if (size := counts(one.data))]
    return sizes if len(sizes) == len(spec.tasks) else None


def _total(spec: TrainSpec, turns: Sequence[int]) -> int:
    numbers = spec.hyperparameters
    return numbers.steps or max(1, math.ceil(round(numbers.epochs * sum(turns), 6)))
