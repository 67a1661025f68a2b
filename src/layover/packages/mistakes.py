"""The messages on all errors in the values of a card."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError

from layover.errors import MOST_MISTAKES, printable, shortened
from layover.packages.bounds import MOST_CHARACTERS
from layover.recipe import validation

MANY = 200
"""Number of errors above which the rest is not counted."""
_LONGEST_PLACE = 120


def mistakes(model: type[BaseModel], values: object, error: ValidationError) -> list[str]:
    """Return the errors, one sentence each; if there are very many, the first ones.

    Args:
        model: The model that refuses the values.
        values: The values of the file.
        error: The error of the model.
    """
    messages = (_sentence(loc, message) for loc, message in validation.mistakes(model, values, error))
    return list(messages) if error.error_count() <= MANY else [*islice(messages, MOST_MISTAKES), "and more"]


def long_texts(values: object) -> list[str]:
    """Return the errors on texts that are too long for a message, one sentence each."""
    return [
        _sentence(loc, f"has {count:,} characters; the limit is {MOST_CHARACTERS:,}")
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
