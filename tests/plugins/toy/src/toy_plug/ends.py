"""A sampler that tries the two ends of every search, and stops the worse after half of the steps."""

from __future__ import annotations

from collections.abc import Sequence

from layover.samplers import Searches, TrialSampler, Values


class Ends(TrialSampler):
    """The smallest values together, and the largest together."""

    name = "ends"
    seeded = False
    stops = (0.5,)
    explained = "The worse one stopped after half of the steps."

    def points(self, searches: Searches, budget: int | None, seed: int) -> Sequence[Values]:
        return [{path: search.ends()[place] for path, search in searches.items()} for place in (0, 1)]


SAMPLER = Ends()
