"""Progress of a training: its position, the selection of the best weights, its reports and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Self

from layover.errors import DivergedError, NodeError, nearest


@dataclass(frozen=True)
class Judge:
    """The selection of the best weights."""

    evaluate: Callable[[], Mapping[str, float | None]]
    """Returns the metrics of the current weights; None for a metric that is undefined for their predictions. It may
    raise `Stopped`; the resumed training repeats the evaluation."""
    metric: str
    """Metric of the selection: higher is better; among equal values the earliest wins."""
    every: int | None = None
    """Steps between evaluations; None: after each epoch. The last step is always evaluated."""
    patience: int | None = None
    """Number of evaluations in a row without improvement after which the training stops."""
    average: int | None = None
    """Number of last evaluations whose weights are averaged, instead of a selection."""

    def identity(self) -> dict[str, Any]:
        """Return the settings that decide the selection, apart from the evaluation itself."""
        averaged = {} if self.average is None else {"average": self.average}
        return {"metric": self.metric, "every": self.every, "patience": self.patience, **averaged}


@dataclass(frozen=True)
class Progress:
    """The position of a training after a step."""

    done: int
    """Finished steps."""
    total: int
    epoch: float
    loss: float | None
    """Loss of the last step whose loss has arrived; on an accelerator it arrives some steps late."""
    lr: float
    """Learning rate of the step `done`."""
    loss_step: int | None = None
    """The step of `loss` and `gradient_norm`, counted from 1."""
    gradient_norm: float | None = None
    """Norm of all gradients of that step before clipping."""
    end: int | None = None
    """The step at which a beginning ends; None for a training that runs to `total`."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a display."""
        values = asdict(self)
        del values["end"]
        return {**values, "unit": "steps"}


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of the weights after a step."""

    step: int
    """Finished steps."""
    epoch: float
    loss: float | None
    """Mean over the training steps since the last evaluation; None if none of them had gold."""
    metrics: dict[str, float | None]
    """Empty without a judge; None for a metric that is undefined for the predictions of these weights."""


@dataclass
class Position:
    """Finished steps, losses, evaluations, and the best evaluation."""

    micro_tokens: int
    step: int = 0
    """Finished steps; epoch and place in the epoch follow from it."""
    loss_sum: float = 0.0
    loss_steps: int = 0
    history: list[Evaluation] = field(default_factory=list)
    best: int | None = None
    """Index into the history."""
    curve: list[float] = field(default_factory=list)
    """Mean losses of intervals of equal length."""
    curve_sum: float = 0.0
    curve_steps: int = 0

    def add_loss(self, loss: float, stretch: int) -> None:
        """Add the loss of a step; `stretch` steps make one point of the curve."""
        self.loss_sum += loss
        self.loss_steps += 1
        self.curve_sum += loss
        self.curve_steps += 1
        if self.curve_steps == stretch:
            self.curve.append(self.curve_sum / self.curve_steps)
            self.curve_sum, self.curve_steps = 0.0, 0

    def add_evaluation(
        self, metrics: Mapping[str, float | None], epoch: float, criterion: str | None, *, selects: bool = True
    ) -> bool:
        """Add an evaluation; return whether it is better than all earlier ones; an undefined value is never the best.

        Args:
            metrics: Its metrics.
            epoch: The epochs so far.
            criterion: The metric that selects; None without a selection.
            selects: Whether the best evaluation is noted.

        Raises:
            NodeError: the criterion is not among the metrics, or is not finite.
        """
        loss = self.loss_sum / self.loss_steps if self.loss_steps else None
        self.loss_sum, self.loss_steps = 0.0, 0
        self.history.append(Evaluation(self.step, epoch, loss, dict(metrics)))
        if criterion is None:
            return False
        value = check_criterion(metrics, criterion, self.step)
        if value is None or not selects:
            return False
        best = None if self.best is None else self.history[self.best].metrics[criterion]
        if best is None or value > best:
            self.best = len(self.history) - 1
            return True
        return False

    @property
    def selected_step(self) -> int | None:
        """Number of steps of the selected weights; None if no evaluation selected any."""
        return None if self.best is None else self.history[self.best].step

    def gave_up(self, patience: int | None) -> bool:
        """Return whether `patience` evaluations in a row brought no improvement."""
        return patience is not None and self.best is not None and len(self.history) - 1 - self.best >= patience

    def as_json(self) -> dict[str, Any]:
        """Return plain values; floats keep all digits."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the position of values from `as_json`."""
        history = [Evaluation(**evaluation) for evaluation in values["history"]]
        return cls(**{**values, "history": history})


@dataclass(frozen=True)
class Seen:
    """The data that one branch of a training has seen."""

    steps: int
    units: int
    """Number of units, with repetitions."""


@dataclass
class Measured:
    """Measurements that differ from run to run: times and batch sizes. They cover this process only."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of `training`, `evaluation` and `checkpoints`."""
    tokens: int = 0
    """Number of real tokens in training."""
    padded_tokens: int = 0
    micro_tokens: int = 0
    """Limit of padded tokens of a micro-batch at the end."""
    resumed_at: int | None = None
    """Number of steps in the checkpoint from which the training resumed."""
    notes: list[str] = field(default_factory=list)
    """Notable events: memory ran out, a checkpoint was unusable."""

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of a block of work to the total of its name."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Averaged:
    """The mean of the weights at several evaluations."""

    steps: tuple[int, ...]
    """The steps of these evaluations."""
    metrics: dict[str, float | None]
    """Of the averaged weights."""


@dataclass(frozen=True)
class FitResult:
    """A finished training; the weights are in the encoder and the head."""

    steps: int
    """Finished steps."""
    planned_steps: int
    best_step: int | None
    """Number of steps of the kept weights; None if there was no selection and the last weights were kept."""
    criterion: str | None
    stopped_early: bool
    history: tuple[Evaluation, ...]
    curve_every: int
    """Steps per point of the curve."""
    curve: tuple[float, ...]
    """Mean training losses in order; steps without gold do not count."""
    seen: tuple[Seen, ...]
    """Per branch, up to the kept weights."""
    measured: Measured
    averaged: Averaged | None = None
    """None if the weights were selected, or the last were kept."""

    @classmethod
    def of(
        cls,
        position: Position,
        planned_steps: int,
        criterion: str | None,
        curve_every: int,
        seen: tuple[Seen, ...],
        measured: Measured,
        averaged: Averaged | None = None,
    ) -> Self:
        """Return the outcome of a finished training."""
        return cls(
            steps=position.step,
            planned_steps=planned_steps,
            best_step=position.selected_step,
            criterion=criterion,
            stopped_early=position.step < planned_steps,
            history=tuple(position.history),
            curve_every=curve_every,
            curve=tuple(position.curve),
            seen=seen,
            measured=measured,
            averaged=averaged,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the outcome without `measured`; it is the same in every run of the same training."""
        return {
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "best_step": self.best_step,
            "criterion": self.criterion,
            "stopped_early": self.stopped_early,
            "history": [asdict(evaluation) for evaluation in self.history],
            "loss_curve": {"every": self.curve_every, "losses": list(self.curve)},
            **({} if self.averaged is None else {"average": asdict(self.averaged)}),
        }


def check_criterion(metrics: Mapping[str, float | None], criterion: str, step: int) -> float | None:
    """Return the value of the metric that selects; None if it is undefined for these predictions.

    Raises:
        NodeError: the criterion is not among the metrics, or is not finite.
    """
    if criterion not in metrics:
        raise NodeError(
            f"selection by {criterion!r}: the evaluation does not have this metric; {nearest(criterion, metrics)}"
        )
    value = metrics[criterion]
    if value is not None and not isfinite(value):
        raise NodeError(f"selection by {criterion!r}: its value is {value} after step {step}")
    return value


def check_numbers(step: int, task: str, loss: float, norms: Mapping[str, float]) -> None:
    """Check that the loss and the gradient norms of a step are finite.

    Raises:
        DivergedError: a value is not finite.
    """
    if not all(map(isfinite, (loss, *norms.values()))):
        values = {"task": task, "loss": loss, **norms}
        raise DivergedError(
            f"step {step}: loss or gradient norm is not finite: {values}; use a lower learning rate or precision fp32"
        )
