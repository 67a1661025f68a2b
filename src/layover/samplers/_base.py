"""The base of every sampler: the trials of a method's searches, and when the worse of them stop."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import product
from typing import ClassVar

from layover.samplers._numbers import MOST_TRIALS, ListSearch, NumberSearch, Path, Values

Searches = Mapping[Path, NumberSearch]
"""Path of each searched number of a method -> its search."""


class TrialSampler(ABC):
    """Gives the trials of a method. It reads no score, so all trials are known before the first training."""

    name: ClassVar[str]
    """The name of the file, as in `tune.sampler`."""
    seeded: ClassVar[bool] = True
    """Whether the trials depend on `tune.seed`."""
    stops: ClassVar[tuple[float, ...]] = ()
    """Shares of the steps after which trials are compared and some of them stop, in ascending order."""
    explained: ClassVar[str] = ""
    """How trials are stopped, in a sentence for the report; empty if none is."""

    @abstractmethod
    def points(self, searches: Searches, budget: int | None, seed: int) -> Sequence[Values]:
        """Return the values of the trials, each once: a value of every searched number.

        They depend on the arguments alone, so methods with equal searches try equal values.

        Args:
            searches: The searches of a method; at least one.
            budget: The number of trials; None if the recipe has none.
            seed: Seed of the draws.

        Raises:
            ValueError: the searches do not give as many trials; the message says how to have them.
        """

    def keeps(self, count: int) -> int:
        """Return how many of `count` trials continue after a stop; the larger half."""
        return math.ceil(count / 2)


def combinations(searches: Searches) -> list[dict[Path, float]] | None:
    """Return all combinations of lists; None if there is a range.

    Raises:
        ValueError: there are too many.
    """
    lists = [search.search for search in searches.values() if isinstance(search, ListSearch)]
    if len(lists) < len(searches):
        return None
    count = math.prod(map(len, lists))
    if count > MOST_TRIALS:
        raise ValueError(f"the lists have {count:,} combinations; write at most {MOST_TRIALS:,}")
    return [dict(zip(searches, values, strict=True)) for values in product(*lists)]


def random_points(name: str, searches: Searches, budget: int | None, seed: int) -> list[dict[Path, float]]:
    """Return different random points, in the order of the draw; all combinations of lists if these are not more.

    Args:
        name: The name of the sampler, for the message.
        searches: The searches of a method.
        budget: The number of points.
        seed: Seed of the draws.

    Raises:
        ValueError: there is no budget.
    """
    whole = combinations(searches)
    if budget is None:
        raise ValueError(f"tune.sampler {name} needs tune.budget: the number of trials of each method")
    if whole is not None and len(whole) <= budget:
        return whole
    source = random.Random(f"{seed} {[(path, str(search)) for path, search in searches.items()]}")  # noqa: S311
    drawn: dict[tuple[float, ...], dict[Path, float]] = {}
    for _ in range(100 * budget):
        point = {path: search.drawn(source) for path, search in searches.items()}
        drawn.setdefault(tuple(point.values()), point)
        if len(drawn) == budget:
            break
    return list(drawn.values())
