"""Numbers that are searched: their values, and how one is drawn."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, Strict, model_validator

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
    def has(self, value: float) -> bool:
        """Return whether a number is one of its values."""

    @abstractmethod
    def drawn(self, source: random.Random) -> float:
        """Return a random value."""


class ListSearch(NumberSearch):
    """`{search: [1e-4, 1e-3]}`."""

    search: Annotated[tuple[Number, ...], Field(max_length=MOST_TRIALS), AfterValidator(_distinct)]

    def ends(self) -> tuple[float, float]:
        return min(self.search), max(self.search)

    def has(self, value: float) -> bool:
        return value in self.search

    def drawn(self, source: random.Random) -> float:
        return self.search[int(source.random() * len(self.search))]

    def __str__(self) -> str:
        return ", ".join(f"{value:g}" for value in self.search)


class RangeSearch(NumberSearch):
    """`{search: {low: 1e-5, high: 1e-3, log: true}}`."""

    search: SearchRange

    def ends(self) -> tuple[float, float]:
        return self.search.low, self.search.high

    def has(self, value: float) -> bool:
        return self.search.low <= value <= self.search.high

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
