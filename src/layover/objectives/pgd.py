"""pgd: the loss of embeddings after several gradient steps within a ball.

Source: Madry et al. 2018 (arXiv:1706.06083), with the settings of Zhu et al. 2020 (arXiv:1909.11764) for MNLI.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward, StepPasses
from layover.objectives._perturbing import Ascents, Perturbing, Radius, direction, random_start, within

if TYPE_CHECKING:
    from torch import Tensor


class Pgd(Perturbing):
    """L(E + d) alone; d starts at random and rises `steps` times along the gradient, within `radius`."""

    name = "pgd"
    radius: Radius = 0.2
    """Largest norm of a row's perturbation."""
    steps: Ascents = 2
    step: Radius = 0.1
    """Norm of each step."""
    init: Radius = 0.2
    """Largest size of the random start: each number is uniform on (-init, init) / sqrt(T * H)."""

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return StepPasses(self.steps, weights=False, perturbation=True), StepPasses(1)

    def finest(self) -> float | None:
        return self.of_row(self.radius)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        import torch

        unit = self.row_unit(forward, batch)
        moved = within(random_start(self.init * unit, forward, batch), self.radius * unit)
        for _ in range(self.steps):
            moved.requires_grad_()
            (gradient,) = torch.autograd.grad(self.moved(forward, batch, moved).loss, moved)
            moved = within(moved.detach() + self.step * unit * direction(gradient), self.radius * unit)
        yield self.moved(forward, batch, moved).loss


OBJECTIVE = Pgd
