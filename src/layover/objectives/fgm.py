"""fgm: the loss, and the loss of embeddings that are moved along their gradient.

Source: Miyato et al. 2017, Adversarial Training Methods for Semi-Supervised Text Classification (arXiv:1605.07725).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward, StepPasses
from layover.objectives._perturbing import Perturbing, Radius, direction, gradient_of, unmoved

if TYPE_CHECKING:
    from torch import Tensor


class Fgm(Perturbing):
    """L(E) + L(E + d), where d is the gradient of L(E) with norm `radius` in each row."""

    name = "fgm"
    radius: Radius = 1.0
    """Norm of a row's perturbation. The paper's 1.0 is for normalised embeddings; with BERT, 0.1 to 1 are usual."""

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return StepPasses(1, perturbation=True), StepPasses(1)

    def finest(self) -> float | None:
        return self.of_row(self.radius)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        start = unmoved(forward, batch)
        yield self.moved(forward, batch, start).loss
        # the loop has run backward: one gradient for the weights and for the perturbation
        unit = self.row_unit(forward, batch)
        yield self.moved(forward, batch, self.radius * unit * direction(gradient_of(start))).loss


OBJECTIVE = Fgm
