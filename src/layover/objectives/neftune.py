"""neftune: the loss of embeddings with uniform noise.

Source: Jain et al. 2024, NEFTune (arXiv:2310.05914).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from layover.objectives._base import B, Forward
from layover.objectives._perturbing import Perturbing, Radius, random_start

if TYPE_CHECKING:
    from torch import Tensor


class Neftune(Perturbing):
    """L(E + z) alone, with each number of z uniform on (-alpha, alpha) / sqrt(T * H)."""

    name = "neftune"
    alpha: Radius = 5.0

    def finest(self) -> float | None:
        return self.of_row(self.alpha)

    def losses(self, forward: Forward[B], batch: B) -> Iterator[Tensor]:
        noise = random_start(self.alpha * self.row_unit(forward, batch), forward, batch)
        yield self.moved(forward, batch, noise).loss


OBJECTIVE = Neftune
