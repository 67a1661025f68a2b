"""grid: all combinations of lists, or evenly spaced values of one range."""

from __future__ import annotations

from collections.abc import Sequence

from layover.samplers._base import Searches, TrialSampler, combinations
from layover.samplers._numbers import RangeSearch, Values


class Grid(TrialSampler):
    """All combinations, in the order of the recipe."""

    name = "grid"
    seeded = False

    def points(self, searches: Searches, budget: int | None, seed: int) -> Sequence[Values]:  # noqa: ARG002
        whole = combinations(searches)
        if whole is not None:
            return whole
        (path, search), *others = searches.items()
        if others or budget is None:
            more = "several numbers need lists" if others else "one range needs tune.budget, the number of its values"
            raise ValueError(f"a grid of ranges is not defined: {more}; or write tune.sampler: random")
        if not isinstance(search, RangeSearch):
            raise TypeError(f"{path} is a list")
        steps = (search.search.at(step / (budget - 1)) for step in range(budget))
        return [{path: value} for value in dict.fromkeys(steps)]


SAMPLER = Grid()
