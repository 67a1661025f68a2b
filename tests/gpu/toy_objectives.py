"""Objectives that use all that the training loop promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from layover.objectives import Objective


class AllCalls(Objective):
    """Uses all that the loop promises to objectives: noise, perturbations, draws, divergences."""

    name = "all_calls"

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        clean = forward(batch)
        start = (0.1 * forward.noise(batch)).requires_grad_()
        moved = forward(batch, start, draw=1)
        (gradient,) = torch.autograd.grad(forward.divergence(clean.logits.detach(), moved.logits), start)
        yield clean.loss
        yield forward(batch, gradient, draw=2).loss


class OtherTokens(Objective):
    """Runs other tokens than those of the training set."""

    name = "other_tokens"

    def losses(self, forward: Any, batch: Any) -> Iterator[Tensor]:
        yield forward(replace(batch, ids=batch.ids.clone())).loss
