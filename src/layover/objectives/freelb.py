"""freelb: the mean loss over the steps of a perturbation that rises along its gradient.

Source: Zhu et al. 2020, FreeLB (arXiv:1909.11764), with its settings for MNLI.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from layover.objectives._base import B, Forward, StepPasses
from layover.objectives._perturbing import Ascents, Perturbing, Radius, direction, gradient_of, random_start, within

if TYPE_CHECKING:
    from torch import Tensor


class FreeLB(Perturbing):
    """The mean of L(E + d) over the start and the steps of d; every pass also gives the gradient of the next step.

    The two public programs differ. `variant: K` is that for transformers: `steps` passes with the same dropout masks.
    `variant: K+1` is that for fairseq: one pass more, each with masks of its own.
    """

    name = "freelb"
    radius: Radius = 0.2
    """Largest norm of a row's perturbation."""
    steps: Ascents = 2
    """K."""
    step: Radius = 0.1
    """Norm of each step."""
    init: Radius = 0.1
    """Largest size of the random start: each number is uniform on (-init, init) / sqrt(T * H)."""
    variant: Literal["K", "K+1"] = "K"
    """Number of passes."""

    @property
    def _count(self) -> int:
        return self.steps + (self.variant == "K+1")

    def passes(self, epochs: float) -> tuple[StepPasses, ...]:  # noqa: ARG002
        return StepPasses(self._count - 1, perturbation=True), StepPasses(1)

    def finest(self) -> float | None:
        return self.of_row(self.radius)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        unit = self.row_unit(forward, batch)
        moved = within(random_start(self.init * unit, forward, batch), self.radius * unit)
        for number in range(self._count):
            last = number == self._count - 1
            moved.requires_grad_(not last)
            draw = number if self.variant == "K+1" else 0
            yield self.moved(forward, batch, moved, draw).loss / self._count
            if not last:
                risen = moved.detach() + self.step * unit * direction(gradient_of(moved))
                moved = within(risen, self.radius * unit)


OBJECTIVE = FreeLB
