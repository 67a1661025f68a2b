"""smart: the loss, and how far the answers move with embeddings that are moved to change them.

Source: Jiang et al. 2020, SMART (arXiv:1911.03437), its smoothness term with the settings of the authors' program.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward, StepPasses
from layover.objectives._perturbing import Ascents, LossWeight, Perturbing, Radius

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-6
"""Added to the largest number of a token before a division, as in the authors' program."""


class Smart(Perturbing):
    """L(E) + weight * (KL(f(E + d) || f(E)) + KL(f(E) || f(E + d))); the first answers of each term are fixed.

    d starts at N(0, sigma) and rises `steps` times along the gradient of the divergence. After each step, the largest
    number of each token has the size `radius`.
    """

    name = "smart"
    graphs = 2
    radius: Radius = 1.0
    """Largest change of a number in each token. The authors' 1.0 is some eight times a number of XLM-R's word
    embeddings."""
    weight: LossWeight = 1.0
    steps: Ascents = 1
    step: Radius = 1e-5
    """Length of a step before the division."""
    sigma: Radius = 1e-5
    """Standard deviation of the start."""

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return StepPasses(self.steps, weights=False, perturbation=True), StepPasses(2)

    def finest(self) -> float | None:
        return self.sigma

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        import torch

        clean = forward(batch)
        fixed, radius = clean.logits.detach(), self.radius * self.number_unit(forward, batch)
        moved = self.sigma * forward.normal(batch)
        for _ in range(self.steps):
            moved.requires_grad_()
            apart = forward.divergence(self.moved(forward, batch, moved).logits, fixed)
            (gradient,) = torch.autograd.grad(apart * forward.weight, moved)
            moved = moved.detach() + self.step * gradient
            moved = radius * moved / (moved.abs().amax(-1, keepdim=True) + LEAST)
        answers = self.moved(forward, batch, moved).logits
        apart = forward.divergence(answers.detach(), clean.logits) + forward.divergence(fixed, answers)
        yield clean.loss + self.weight * apart


OBJECTIVE = Smart
