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
    """Passes over the data; may be a fraction."""
    batch: int
    """Units per optimizer step; independent of the number that fits into memory at once."""
    seed: int
    """Seed of the order of the data, of fresh weights and of dropout."""
    warmup: float = 0.06
    """Below 1: share of all steps; from 1 on: number of steps."""
    weight_decay: float = 0.01
    """Decoupled (AdamW); on matrices only, not on biases and layer norms."""
    clip: float | None = 1.0
    """Largest gradient norm, separately for each trained module and for the head; None does not clip."""
    dropout: float = 0.0
    """Probability on hidden states."""
    precision: Precision = "fp32"
    """Number format of the weights and of the arithmetic; `layover.numerics` defines it."""
    bucket: int = 1
    """Number of batches that are sorted by length together; 1 draws every batch at random."""
    steps: int | None = later(None)
    """Total number of optimizer steps, instead of `epochs`; None uses `epochs`."""


@dataclass(frozen=True)
class Sampling(Canonical):
    """Task t has the share p_t of the steps, in proportion to w_t n_t^exponent with n_t = min(units of t, cap).

    These are the mixing rates of T5 (Raffel et al. 2020, arXiv:1910.10683, section 3.5.2) with additional weights w_t.
    """

    exponent: float
    """1: in proportion to the sizes; 0: equally often; 1 / T: tempered."""
    cap: int | None
    """None counts every unit."""

    def sizes(self, units: Sequence[int]) -> list[int]:
        """Return the number of units that count for each task."""
        return [count if self.cap is None else min(count, self.cap) for count in units]

    def shares(self, units: Sequence[int], weights: Sequence[float]) -> list[float]:
        """Return the share of the steps of each task; they add up to 1."""
        rates = [weight * size**self.exponent for size, weight in zip(self.sizes(units), weights, strict=True)]
        total = math.fsum(rates)
        return [rate / total for rate in rates]

    def steps(self, units: Sequence[int], weights: Sequence[float], *, batch: int) -> list[int]:
        """Return the number of steps of each task in an epoch.

        An epoch has the same number of steps as one pass over all capped data. The shares are rounded by largest
        remainder (the first of equal remainders gets the step). Every task has at least one step.

        Args:
            units: Number of units of each task.
            weights: Factor on the share of each task.
            batch: Units per step.
        """
        total = sum(math.ceil(size / batch) for size in self.sizes(units))
        quotas = [share * total for share in self.shares(units, weights)]
        steps = [max(1, math.floor(quota)) for quota in quotas]
        places = range(len(steps))
        while sum(steps) < total:
            steps[max(places, key=lambda place: quotas[place] - steps[place])] += 1
        while sum(steps) > total:  # the minimum of one step is taken from the task that exceeds its share most
            rich = [place for place in places if steps[place] > 1]
            steps[max(rich, key=lambda place: steps[place] - quotas[place])] -= 1
        return steps
