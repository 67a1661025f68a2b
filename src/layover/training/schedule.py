"""Steps, learning rates and evaluations as functions of the step number alone: there is no state to save."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from layover.specs import Hyperparameters

CURVE_POINTS = 50


@dataclass(frozen=True)
class Schedule:
    """The schedule of a training, computed from the hyperparameters and the steps of an epoch."""

    hyperparameters: Hyperparameters
    steps_per_epoch: int
    every: int | None = None
    """Steps between evaluations; None: after each epoch. The last step is always evaluated."""

    @cached_property
    def total(self) -> int:
        """Steps of the training."""
        # 0.1 epochs of 30 steps are 3 steps; without rounding, 3.0000000000000004 would become 4
        epochs = self.hyperparameters.epochs
        return self.hyperparameters.steps or max(1, math.ceil(round(epochs * self.steps_per_epoch, 6)))

    @cached_property
    def warmup(self) -> int:
        """Steps before the peak of the learning rate."""
        share = self.hyperparameters.warmup
        return math.ceil(round(share * self.total, 6)) if share < 1 else round(share)

    @property
    def curve_every(self) -> int:
        """Steps per point of the loss curve."""
        return max(1, self.total // CURVE_POINTS)

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0.

        It rises linearly to the peak at step `warmup`, then falls linearly to 0 at step `total`. The rate of the first
        step is above 0; in transformers' `get_linear_schedule_with_warmup` it is 0, and the step is lost.
        """
        peak = self.hyperparameters.lr
        if step < self.warmup:
            return peak * (step + 1) / (self.warmup + 1)
        return peak * (self.total - step) / (self.total - self.warmup)

    @property
    def interval(self) -> int:
        """Steps between two evaluations."""
        return self.every or self.steps_per_epoch

    def evaluations(self) -> list[int]:
        """Return the numbers of finished steps after which the weights are evaluated."""
        return [*range(self.interval, self.total, self.interval), self.total]

    def evaluation_from(self, share: float) -> int:
        """Return the steps of the first evaluation at a share of the training or after it."""
        least = math.ceil(round(share * self.total, 6))
        return next(step for step in self.evaluations() if step >= least)

    def evaluates_after(self, done: int) -> bool:
        """Return whether the weights are evaluated after `done` finished steps."""
        return done == self.total or done % self.interval == 0
