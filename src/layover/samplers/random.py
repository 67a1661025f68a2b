"""random: values that are drawn with a seed."""

from __future__ import annotations

from collections.abc import Sequence

from layover.samplers._base import Searches, TrialSampler, random_points
from layover.samplers._numbers import Values


class Random(TrialSampler):
    """Different random values."""

    name = "random"

    def points(self, searches: Searches, budget: int | None, seed: int) -> Sequence[Values]:
        return random_points(self.name, searches, budget, seed)


SAMPLER = Random()
