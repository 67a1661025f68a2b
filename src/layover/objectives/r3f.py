"""r3f: the loss, and how far the answers move with random noise on the embeddings.

Source: Aghajanyan et al. 2021, Better Fine-Tuning by Reducing Representational Collapse (arXiv:2008.03156).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from layover.objectives._base import B, Forward, StepPasses
from layover.objectives._perturbing import LossWeight, Perturbing, Radius

if TYPE_CHECKING:
    from torch import Tensor


class R3F(Perturbing):
    """L(E) + weight * (KL(f(E) || f(E + z)) + KL(f(E + z) || f(E))) with random z; both terms train both passes."""

    name = "r3f"
    graphs = 2
    radius: Radius = 1e-5
    """Size of the noise: uniform on (-radius, radius), or its standard deviation."""
    weight: LossWeight = 1.0
    """The paper tries 0.1 to 5."""
    noise: Literal["uniform", "normal"] = "uniform"

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return (StepPasses(2),)

    def finest(self) -> float | None:
        return self.of_number(self.radius)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        clean = forward(batch)
        drawn = forward.noise(batch) if self.noise == "uniform" else forward.normal(batch)
        noisy = self.moved(forward, batch, self.radius * self.number_unit(forward, batch) * drawn)
        apart = forward.divergence(clean.logits, noisy.logits) + forward.divergence(noisy.logits, clean.logits)
        yield clean.loss + self.weight * apart


OBJECTIVE = R3F
