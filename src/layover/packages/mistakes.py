"""All that is wrong with the values of a card, in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError

from layover.errors import MOST_MISTAKES, printable, shortened
from layover.packages.bounds import MOST_CHARACTERS
from layover.recipe import validation

MANY = 200
"""Mistakes of a card that are not counted any more."""
_LONGEST_PLACE = 120


def mistakes(model: type[BaseModel], values: object, error: ValidationError) -> list[str]:
    """Return what is wrong, a sentence each; of very many the first ones.

    Args:
        model: That does not take the values.
        values: As they were read.
        error: What it raised.
    """
    found = (_sentence(loc, message) for loc, message in validation.mistakes(model, values, error))
    return list(found) if error.error_count() <= MANY else [*islice(found, MOST_MISTAKES), "and more"]


def long_texts(values: object) -> list[str]:
    """Return which texts are too long to be told to anybody, a sentence each."""
    return [
        _sentence(loc, f"a text of {count:,} characters; it has {MOST_CHARACTERS:,} at most")
        for loc, count in _lengths(values, ())
        if count > MOST_CHARACTERS
    ]


def _lengths(value: Any, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(value, str):
        yield loc, len(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield (*loc, name), len(name)
            yield from _lengths(inner, (*loc, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _lengths(inner, (*loc, index))


def _sentence(loc: tuple[str | int, ...], message: str) -> str:
    place = shortened(printable(".".join(shortened(str(part)) for part in loc)), _LONGEST_PLACE)
    return f"{place}: {printable(message)}" if place else printable(message)
