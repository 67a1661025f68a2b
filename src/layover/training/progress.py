"""Where a training stands, how its best weights are chosen, and what it tells while it runs and when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Self

from layover.errors import NodeError, nearest


@dataclass(frozen=True)
class Judge:
    """How the best weights are chosen."""

    evaluate: Callable[[], Mapping[str, float | None]]
    """Returns metrics of the current weights, None for one that is undefined for their predictions. It may raise
    `Stopped`; the training that resumes evaluates again."""
    metric: str
    """Selects: higher is better, of equals the earliest."""
    every: int | None = None
    """Evaluate every so many steps; after each epoch when None. The last step is always evaluated."""
    patience: int | None = None
    """Stop after so many evaluations in a row without a better one."""

    def identity(self) -> dict[str, Any]:
        """Return what decides which weights are kept, beside the evaluation itself."""
        return {"metric": self.metric, "every": self.every, "patience": self.patience}


@dataclass(frozen=True)
class Progress:
    """Where a training stands, after a step."""

    done: int
    """Finished steps."""
    total: int
    epoch: float
    loss: float | None
    """Of the last step that is known; on an accelerator it arrives some steps late."""
    lr: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a display."""
        return {**asdict(self), "unit": "steps"}


@dataclass(frozen=True)
class Evaluation:
    """The weights after a step, as they were judged."""

    step: int
    """Finished steps."""
    epoch: float
    loss: float | None
    """Mean over the training steps since the last evaluation; None when none of them had gold."""
    metrics: dict[str, float | None]
    """Empty when nothing evaluates; None for a metric that is undefined for the predictions of these weights."""


@dataclass
class Position:
    """Steps done, the losses so far, the evaluations, and which was the best."""

    micro_tokens: int
    step: int = 0
    """Finished steps; epoch and place in the epoch follow from it."""
    loss_sum: float = 0.0
    loss_steps: int = 0
    history: list[Evaluation] = field(default_factory=list)
    best: int | None = None
    """Index into the history."""
    curve: list[float] = field(default_factory=list)
    """Mean losses of stretches of equally many steps."""
    curve_sum: float = 0.0
    curve_steps: int = 0

    def add_loss(self, loss: float, stretch: int) -> None:
        """Count a step's loss; `stretch` steps make a point of the curve."""
        self.loss_sum += loss
        self.loss_steps += 1
        self.curve_sum += loss
        self.curve_steps += 1
        if self.curve_steps == stretch:
            self.curve.append(self.curve_sum / self.curve_steps)
            self.curve_sum, self.curve_steps = 0.0, 0

    def add_evaluation(self, metrics: Mapping[str, float | None], epoch: float, criterion: str | None) -> bool:
        """Enter an evaluation; return whether it is the best so far: of equals the earlier one, an undefined one never.

        Raises:
            NodeError: the criterion is not among the metrics, or is not a number.
        """
        loss = self.loss_sum / self.loss_steps if self.loss_steps else None
        self.loss_sum, self.loss_steps = 0.0, 0
        self.history.append(Evaluation(self.step, epoch, loss, dict(metrics)))
        if criterion is None:
            return False
        if criterion not in metrics:
            raise NodeError(
                f"selection by {criterion!r}: the evaluation has no such metric; {nearest(criterion, metrics)}"
            )
        value = metrics[criterion]
        if value is None:
            return False
        if not isfinite(value):
            raise NodeError(f"selection by {criterion!r}: it is {value} after step {self.step}")
        best = None if self.best is None else self.history[self.best].metrics[criterion]
        if best is None or value > best:
            self.best = len(self.history) - 1
            return True
        return False

    @property
    def selected_step(self) -> int | None:
        """After how many steps the weights that were selected stood; None when nothing selected."""
        return None if self.best is None else self.history[self.best].step

    def gave_up(self, patience: int | None) -> bool:
        """Tell whether so many evaluations in a row were no better."""
        return patience is not None and self.best is not None and len(self.history) - 1 - self.best >= patience

    def as_json(self) -> dict[str, Any]:
        """Return plain values, floats exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `as_json` gave."""
        history = [Evaluation(**evaluation) for evaluation in values["history"]]
        return cls(**{**values, "history": history})


@dataclass(frozen=True)
class Seen:
    """What one branch of a training was trained on."""

    steps: int
    units: int
    """Each counted as often as it came."""


@dataclass
class Measured:
    """What differs from run to run: times, and how the work was cut. Counted in this process only."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Of `training`, `evaluation` and `checkpoints`."""
    tokens: int = 0
    """Real tokens trained on."""
    padded_tokens: int = 0
    micro_tokens: int = 0
    """Padded tokens allowed at once at the end."""
    resumed_at: int | None = None
    """Steps that a checkpoint had done before."""
    notes: list[str] = field(default_factory=list)
    """What happened and is worth knowing: memory ran out, a checkpoint was of no use."""

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of a block of work to those of its name."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class FitResult:
    """A finished training; the weights are in the encoder and the head."""

    steps: int
    """Finished steps."""
    planned_steps: int
    best_step: int | None
    """After how many steps the weights that were kept stood; None when nothing selected and the last were kept."""
    criterion: str | None
    stopped_early: bool
    history: tuple[Evaluation, ...]
    curve_every: int
    """Steps of a point of the curve."""
    curve: tuple[float, ...]
    """Mean training losses, one after the other; steps without gold do not count."""
    seen: tuple[Seen, ...]
    """By branch, until the weights that were kept."""
    measured: Measured

    @classmethod
    def of(
        cls,
        position: Position,
        planned_steps: int,
        criterion: str | None,
        curve_every: int,
        seen: tuple[Seen, ...],
        measured: Measured,
    ) -> Self:
        """Return the outcome of a training that stands at its end."""
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
        )

    def as_json(self) -> dict[str, Any]:
        """Return the outcome, the same in every run of the same training; `measured` is not in it."""
        return {
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "best_step": self.best_step,
            "criterion": self.criterion,
            "stopped_early": self.stopped_early,
            "history": [asdict(evaluation) for evaluation in self.history],
            "loss_curve": {"every": self.curve_every, "losses": list(self.curve)},
        }


def check_numbers(step: int, task: str, loss: float, norms: Mapping[str, float]) -> None:
    """See that the loss and the gradient norms of a step are numbers.

    Raises:
        NodeError: one is not.
    """
    if not all(map(isfinite, (loss, *norms.values()))):
        values = {"task": task, "loss": loss, **norms}
        raise NodeError(
            f"step {step}: loss or gradient norm is no number: {values}; lower the learning rate, or use precision fp32"
        )
