"""smoothing: the loss of embeddings with random noise, RS-RP of Robust-XLT.

Source: Huang et al. 2021, Improving Zero-Shot Cross-Lingual Transfer Learning via Robust Training (arXiv:2104.08645).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward
from layover.objectives._perturbing import Perturbing, Radius, direction

if TYPE_CHECKING:
    from torch import Tensor


class Smoothing(Perturbing):
    """L(E + z) alone, with z uniform in a ball.

    The norm of a uniform point in a ball of T * H dimensions is the radius, up to less than a thousandth; so it is
    drawn on the surface.
    """

    name = "smoothing"
    radius: Radius = 0.01
    """Norm of a row's noise; a replication found 0.01 better than 0.1."""

    def finest(self) -> float | None:
        return self.of_row(self.radius)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        size = self.radius * self.row_unit(forward, batch)
        yield self.moved(forward, batch, size * direction(forward.normal(batch))).loss


OBJECTIVE = Smoothing
