"""Where a training stands beside its weights: everything a checkpoint keeps as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Self

from layover.errors import NodeError, nearest
from layover.training.results import Evaluation


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

    def judge(self, metrics: Mapping[str, float], epoch: float, criterion: str | None) -> bool:
        """Enter an evaluation; return whether it is the best so far. Of equals the earlier one is.

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
        if not isfinite(value):
            raise NodeError(f"selection by {criterion!r}: it is {value} after step {self.step}")
        if self.best is None or value > self.history[self.best].metrics[criterion]:
            self.best = len(self.history) - 1
            return True
        return False

    def gave_up(self, patience: int | None) -> bool:
        """Tell whether so many evaluations in a row were no better."""
        return patience is not None and self.best is not None and len(self.history) - 1 - self.best >= patience

    def as_json(self) -> dict[str, Any]:
        """Return plain values, floats exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `as_json` gave."""
        history = [Evaluation(**one) for one in values["history"]]
        return cls(**{**values, "history": history})
