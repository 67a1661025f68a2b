"""What decides the result of a training, beside the encoder, the head and the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from layover.precision import Precision

CURVE_POINTS = 50


@dataclass(frozen=True)
class LoopSettings:
    """Settings of the optimisation; all of them are identity."""

    lr: float
    """Peak learning rate."""
    epochs: float
    """Passes over the data; may be broken."""
    batch: int
    """Units per optimiser step, whatever fits into memory at once."""
    seed: int
    """Orders the data; the encoder's and the head's own seeds draw fresh weights and dropout."""
    warmup: float = 0.06
    """Below 1: share of all steps; from 1 on: number of steps."""
    weight_decay: float = 0.01
    """Decoupled (AdamW); on matrices only, not on biases and layer norms."""
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    clip: float | None = 1.0
    """Largest gradient norm of each trained part and of the head, each on its own; None does not clip."""
    precision: Precision = "fp32"
    """See `layover.precision`."""
    bucket: int = 1
    """Batches that are sorted by length together; 1 draws every batch at random."""
    select_every: int | None = None
    """Evaluate every so many steps; after each epoch when None. The last step is always evaluated."""
    steps: int | None = None
    """Steps in all, whatever `epochs` says."""
    patience: int | None = None
    """Stop after so many evaluations in a row without a better one."""


@dataclass(frozen=True)
class Schedule:
    """Steps, learning rates and evaluations as functions of the step number alone: no state to save."""

    steps_per_epoch: int
    total: int
    warmup: int
    settings: LoopSettings

    @classmethod
    def of(cls, settings: LoopSettings, per_epoch: int) -> Schedule:
        """Return the schedule for epochs of so many steps."""
        # 0.1 epochs of 30 steps are 3 steps, not the 4 that 3.0000000000000004 would make
        total = settings.steps or max(1, math.ceil(round(settings.epochs * per_epoch, 6)))
        share = settings.warmup
        warmup = math.ceil(round(share * total, 6)) if share < 1 else round(share)
        return cls(per_epoch, total, warmup, settings)

    @property
    def stretch(self) -> int:
        """Steps of a point of the loss curve."""
        return max(1, self.total // CURVE_POINTS)

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0.

        It rises linearly to the peak at step `warmup`, then falls linearly to 0 at step `total`. The first step is
        not at 0, as it is in transformers' `get_linear_schedule_with_warmup`, where it is lost.
        """
        if step < self.warmup:
            return self.settings.lr * (step + 1) / (self.warmup + 1)
        return self.settings.lr * (self.total - step) / (self.total - self.warmup)

    def evaluates_after(self, done: int) -> bool:
        """Tell whether the weights are evaluated after so many finished steps."""
        every = self.settings.select_every or self.steps_per_epoch
        return done == self.total or done % every == 0
