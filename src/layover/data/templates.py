"""Templates of columns: `"{premise} What was the {question}?"`."""

from __future__ import annotations

import re
from collections.abc import Callable

_PLACE = re.compile(r"\{([^{}]+)\}")


def is_template(text: str) -> bool:
    """Return whether a text is a template, and not the name of one column."""
    return "{" in text


def places(template: str) -> tuple[str, ...]:
    """Return the columns that a template names, in its order; none for the name of one column."""
    return tuple(_PLACE.findall(template))


def filled(template: str, value: Callable[[str], str]) -> str:
    """Return a template with the value of each of its columns."""
    return _PLACE.sub(lambda place: value(place[1]), template)


def mistake(text: str) -> str:
    """Return what is wrong with a column or template: a brace that no column stands in; empty text where nothing is."""
    if not {"{", "}"} & set(_PLACE.sub("", text)):
        return ""
    return f"{text!r} has a brace around no column; a template names columns as {{premise}}, and has no other braces"
