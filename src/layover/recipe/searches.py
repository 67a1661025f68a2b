"""Searches: numbers of a method that development scores choose, `lr: {search: [1e-4, 3e-4, 1e-3]}`.

A search takes the place of a number. It is removed before the recipe is validated, and the first of its values stands
in its place; `recipe/tuned.py` validates every trial of it.
"""

from __future__ import annotations

import copy
import difflib
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from layover.errors import Problem
from layover.recipe.file import RecipeFile
from layover.recipe.validation import validate
from layover.settings import Flag, RecipeSection

MOST_TRIALS = 1000
DIGITS = 2
"""Significant digits of a value that is drawn from a range, so that a table can show it as it is."""


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number; write a finite number")
    return value


Number = Annotated[int, Strict()] | Annotated[float, Strict(), AfterValidator(_finite)]


def _distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) < 2:
        raise ValueError("has fewer than two values; write at least two, as [1e-4, 1e-3], or a number without search")
    if len(set(values)) < len(values):
        raise ValueError("names a value twice; write each value once")
    return values


class SearchRange(RecipeSection):
    """All numbers from `low` to `high`."""

    low: Number
    high: Number
    log: Flag = False
    """Whether the logarithm is drawn evenly, for learning rates."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) is not below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithm needs numbers above 0, but low is {self.low:g}")
        return self

    @property
    def whole(self) -> bool:
        """Whether it has whole numbers only: both ends are written without a point."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def at(self, share: float) -> float:
        """Return the number at a share of the way from `low` to `high`."""
        low, high = float(self.low), float(self.high)
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        if self.whole:
            return round(value)
        return min(high, max(low, float(f"{value:.{DIGITS}g}")))


class NumberSearch(RecipeSection, ABC):
    """Values of a number, of which the development score chooses one."""

    default: Number | None = None
    """The value in the stage that is not tuned; by default the number is not set there."""

    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Return the smallest and the largest value."""

    @abstractmethod
    def drawn(self, source: random.Random) -> float:
        """Return a random value."""


class ListSearch(NumberSearch):
    """`{search: [1e-4, 1e-3]}`."""

    search: Annotated[tuple[Number, ...], Field(max_length=MOST_TRIALS), AfterValidator(_distinct)]

    def ends(self) -> tuple[float, float]:
        return min(self.search), max(self.search)

    def drawn(self, source: random.Random) -> float:
        return self.search[int(source.random() * len(self.search))]

    def __str__(self) -> str:
        return ", ".join(f"{value:g}" for value in self.search)


class RangeSearch(NumberSearch):
    """`{search: {low: 1e-5, high: 1e-3, log: true}}`."""

    search: SearchRange

    def ends(self) -> tuple[float, float]:
        return self.search.low, self.search.high

    def drawn(self, source: random.Random) -> float:
        return self.search.at(source.random())

    def __str__(self) -> str:
        log = ", log" if self.search.log else ""
        return f"{self.search.low:g} to {self.search.high:g}{log}"


def first_of(search: NumberSearch) -> float:
    """Return the value that stands in place of a search until a trial has its own."""
    return search.search[0] if isinstance(search, ListSearch) else search.ends()[0]


Path = tuple[str, ...]
"""Path of a number in a method: `("lr",)`, `("compose", "lr")`."""
Values = Mapping[Path, float]


@dataclass(frozen=True)
class MethodSearches:
    """The searches of one method, and the method as it is written."""

    written: Mapping[str, Any]
    searches: Mapping[Path, NumberSearch]
    valid: bool = True
    """Whether all its searches are valid; the mapping has the valid ones."""

    def with_values(self, values: Values) -> dict[str, Any]:
        """Return the method as if these numbers were written in place of the searches."""
        method = copy.deepcopy(dict(self.written))
        for path, value in values.items():
            _holder(method, path)[path[-1]] = value
        return method

    def without(self) -> dict[str, Any]:
        """Return the method with the default of each search; a number without a default is not set."""
        method = copy.deepcopy(dict(self.written))
        for path, search in self.searches.items():
            if search.default is None:
                del _holder(method, path)[path[-1]]
            else:
                _holder(method, path)[path[-1]] = search.default
        return method


def _holder(method: dict[str, Any], path: Path) -> dict[str, Any]:
    for part in path[:-1]:
        method = method[part]
    return method


def without_searches(source: RecipeFile) -> tuple[RecipeFile, dict[str, MethodSearches], list[Problem]]:
    """Return a recipe with a number in place of each search, the searches by method, and the problems of searches."""
    methods = source.values.get("methods")
    if not isinstance(methods, dict):
        return source, {}, []
    values, searches, problems = copy.deepcopy(source.values), dict[str, MethodSearches](), list[Problem]()
    for name, method in methods.items():
        own, wrong = dict[Path, NumberSearch](), False
        for path, written in _written(method, ()):
            form: type[NumberSearch] = RangeSearch if isinstance(written.get("search"), dict) else ListSearch
            search, mistakes = validate(form, written, source, ("methods", name, *path))
            problems += mistakes
            holder = _holder(values["methods"][name], path)
            if search is None:
                del holder[path[-1]]
                wrong = True
            else:
                own[path], holder[path[-1]] = search, first_of(search)
        if own or wrong:
            searches[name] = MethodSearches(values["methods"][name], own, not wrong)
    return replace(source, values=values), searches, problems


def _written(value: object, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield path and value of every search in a method."""
    if not isinstance(value, dict):
        return
    if path and difflib.get_close_matches("search", [key for key in value if isinstance(key, str)], cutoff=0.8):
        yield path, value
        return
    for key, inner in value.items():
        yield from _written(inner, (*path, key))


def points(
    searches: Mapping[Path, NumberSearch], budget: int | None, sampler: str, seed: int
) -> list[dict[Path, float]]:
    """Return the values of the trials, each once, in the order of the grid or of the draw.

    The draws depend on the searches and the seed alone, so methods with equal searches try equal values.

    Args:
        searches: The searches of a method.
        budget: The number of trials; None takes the whole grid.
        sampler: `grid`; any other name draws.
        seed: Seed of the draws.

    Raises:
        ValueError: there are not as many points as the budget has; the message says how to have them.
    """
    if sampler == "grid":
        return _grid(searches, budget)
    whole = _product(searches)
    if budget is None:
        raise ValueError(f"tune.sampler {sampler} needs tune.budget: the number of trials of each method")
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


def _grid(searches: Mapping[Path, NumberSearch], budget: int | None) -> list[dict[Path, float]]:
    whole = _product(searches)
    if whole is not None:
        return whole
    (path, search), *others = searches.items()
    if others or budget is None:
        more = "one range needs tune.budget, the number of its values" if not others else "several numbers need lists"
        raise ValueError(f"a grid of ranges is not defined: {more}; or write tune.sampler: random")
    if not isinstance(search, RangeSearch):
        raise TypeError(f"{path} is a list")
    steps: Sequence[float] = [search.search.at(step / (budget - 1)) for step in range(budget)]
    return [{path: value} for value in dict.fromkeys(steps)]


def _product(searches: Mapping[Path, NumberSearch]) -> list[dict[Path, float]] | None:
    """Return all combinations of lists; None if there is a range."""
    lists = [search.search for search in searches.values() if isinstance(search, ListSearch)]
    if len(lists) < len(searches):
        return None
    count = math.prod(map(len, lists))
    if count > MOST_TRIALS:
        raise ValueError(f"the lists have {count:,} combinations; write at most {MOST_TRIALS:,}")
    return [dict(zip(searches, values, strict=True)) for values in product(*lists)]
