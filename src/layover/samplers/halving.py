"""halving: random values, of which the worse half stops early, twice.

Source: successive halving, Jamieson and Talwalkar 2016, arXiv:1502.07943.
"""

from __future__ import annotations

from collections.abc import Sequence

from layover.samplers._base import Searches, TrialSampler, random_points
from layover.samplers._numbers import Values


class Halving(TrialSampler):
    """Draws like `random`, and trains only the better half beyond a quarter of the steps, and again beyond half."""

    name = "halving"
    stops = (0.25, 0.5)
    explained = (
        "All trials ran for a quarter of the steps, the better half to half of them, and the better half of these to "
        "the end."
    )

    def points(self, searches: Searches, budget: int | None, seed: int) -> Sequence[Values]:
        return random_points(self.name, searches, budget, seed)


SAMPLER = Halving()
