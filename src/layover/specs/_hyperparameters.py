"""The numbers of a training that decide its weights: the same object from the plan to the loop."""

from __future__ import annotations

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
