"""The numbers of a training that decide its weights: the same objects from the plan to the loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from layover.canonical import Canonical, later
from layover.numerics import Precision


@dataclass(frozen=True)
class Hyperparameters(Canonical):
    """Every number of the training loop that decides the weights."""

    lr: float
    """Peak learning rate."""
    epochs: float
    """Passes over the data; may be broken."""
    batch: int
    """Units per optimizer step, whatever fits into memory at once."""
    seed: int
    """Orders the data; encoder, modules and heads draw fresh weights and dropout from it, too."""
    warmup: float = 0.06
    """Below 1: share of all steps; from 1 on: number of steps."""
    weight_decay: float = 0.01
    """Decoupled (AdamW); on matrices only, not on biases and layer norms."""
    clip: float | None = 1.0
    """Largest gradient norm of each trained part and of the head, each on its own; None does not clip."""
    dropout: float = 0.0
    """Probability on hidden states."""
    precision: Precision = "fp32"
    """See `layover.numerics`."""
    bucket: int = 1
    """Batches that are sorted by length together; 1 draws every batch at random."""
    steps: int | None = later(None)
    """Optimizer steps in all, whatever `epochs` says; None goes by `epochs`."""


@dataclass(frozen=True)
class Sampling(Canonical):
    """Task t has the share p_t of the steps, in proportion to w_t n_t^exponent with n_t = min(units of t, cap).

    The mixing rates of T5 (Raffel et al. 2020, arXiv:1910.10683, section 3.5.2), with weights w_t beside them.
    """

    exponent: float
    """1: in proportion to the sizes; 0: equally often; 1 / T: tempered."""
    cap: int | None
    """None counts every unit."""

    def sizes(self, units: Sequence[int]) -> list[int]:
        """Return what counts of each task's units."""
        return [count if self.cap is None else min(count, self.cap) for count in units]

    def shares(self, units: Sequence[int], weights: Sequence[float]) -> list[float]:
        """Return the share of the steps of each task; they add up to 1."""
        parts = [weight * size**self.exponent for size, weight in zip(self.sizes(units), weights, strict=True)]
        total = math.fsum(parts)
        return [part / total for part in parts]

    def steps(self, units: Sequence[int], weights: Sequence[float], *, batch: int) -> list[int]:
        """Return how many steps of an epoch each task has.

        An epoch has as many as one pass over all of the capped data. The shares are rounded by largest remainder (of
        equals the first one gets the step), but every task has at least one.

        Args:
            units: Of each task.
            weights: Of each task.
            batch: Units of a step.
        """
        total = sum(math.ceil(size / batch) for size in self.sizes(units))
        quotas = [share * total for share in self.shares(units, weights)]
        steps = [max(1, math.floor(quota)) for quota in quotas]
        places = range(len(steps))
        while sum(steps) < total:
            steps[max(places, key=lambda place: quotas[place] - steps[place])] += 1
        while sum(steps) > total:  # the least that a task has, taken from those that have most beyond their share
            rich = [place for place in places if steps[place] > 1]
            steps[max(rich, key=lambda place: steps[place] - quotas[place])] -= 1
        return steps
