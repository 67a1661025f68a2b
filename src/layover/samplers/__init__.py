"""Samplers: which values a search tries, and when it stops the worse trials. One file each, found by its name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from layover import plugins
from layover.errors import LayoverError
from layover.registry import Registry, instance_of
from layover.samplers._base import Searches, TrialSampler, combinations, random_points
from layover.samplers._numbers import (
    MOST_TRIALS,
    ListSearch,
    NumberSearch,
    Path,
    RangeSearch,
    SearchRange,
    Values,
    first_of,
)


def _fits(thing: Any, name: str) -> str:
    """Return the reason why a plug-in is no sampler, or an empty text."""
    if reason := instance_of(TrialSampler)(thing, name):
        return reason
    shares = [0.0, *thing.stops, 1.0]
    ascending = all(before < after for before, after in pairwise(shares))
    return "" if ascending else f"has the stops {thing.stops}; write ascending shares between 0 and 1"


_SAMPLERS: Registry[TrialSampler] = Registry(
    __name__, __path__, "SAMPLER", LayoverError, group=plugins.SAMPLERS, fits=_fits
)
names, get = _SAMPLERS.names, _SAMPLERS.get


def points(searches: Searches, budget: int | None, name: str, seed: int) -> list[dict[Path, float]]:
    """Return the trials of a method by the sampler of a name.

    Args:
        searches: The searches of the method.
        budget: The number of trials; None if the recipe has none.
        name: The name of the sampler.
        seed: Seed of the draws.

    Raises:
        LayoverError: the sampler is unknown, or its plug-in cannot be used.
        ValueError: there are not as many points, or a plug-in gives points outside the searches.
    """
    trials = [dict(point) for point in get(name).points(searches, budget, seed)]
    before: set[tuple[float, ...]] = set()
    for trial in trials:
        if trial.keys() != searches.keys():
            raise ValueError(f"tune.sampler {name} gives {_listed(trial)}, but {_listed(searches)} are searched")
        for path, search in searches.items():
            if not search.has(trial[path]):
                raise ValueError(f"tune.sampler {name} gives {'.'.join(path)}={trial[path]!r}, not among {search}")
        values = tuple(trial[path] for path in searches)
        if values in before:
            raise ValueError(f"tune.sampler {name} gives a trial twice: {', '.join(map(repr, values))}")
        before.add(values)
    return trials


def _listed(paths: Any) -> str:
    return ", ".join(".".join(path) for path in paths) or "nothing"


__all__ = [
    "MOST_TRIALS",
    "ListSearch",
    "NumberSearch",
    "Path",
    "RangeSearch",
    "SearchRange",
    "Searches",
    "TrialSampler",
    "Values",
    "combinations",
    "first_of",
    "get",
    "names",
    "points",
    "random_points",
]
