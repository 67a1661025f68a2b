"""rdrop: the losses of two dropout masks, and how far their answers are apart.

Source: Liang et al. 2021, R-Drop (arXiv:2106.14448).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward, Objective, StepPasses
from layover.objectives._perturbing import LossWeight

if TYPE_CHECKING:
    from torch import Tensor


class RDrop(Objective):
    """L1 + L2 + weight / 2 * (KL(f1 || f2) + KL(f2 || f1)) for two passes with different masks."""

    name = "rdrop"
    graphs = 2
    weight: LossWeight = 1.0
    """The paper uses 1 to 5."""

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return (StepPasses(2),)

    def idle(self, dropout: float, epochs: float) -> str:  # noqa: ARG002
        return "" if dropout else "without dropout both passes are equal; set dropout: 0.1"

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        first, second = forward(batch), forward(batch, draw=1)
        apart = forward.divergence(first.logits, second.logits) + forward.divergence(second.logits, first.logits)
        yield first.loss + second.loss + self.weight / 2 * apart


OBJECTIVE = RDrop
