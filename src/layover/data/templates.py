"""Templates of columns: `"{premise} What was the {question}?"`."""

from __future__ import annotations

import re
from collections.abc import Callable

_PLACE = re.compile(r"\{([^{}]+)\}")


def is_template(text: str) -> bool:
    """Return whether a text is a template, not the name of one column."""
    return "{" in text


def places(template: str) -> tuple[str, ...]:
    """Return the columns in a template, in order; empty for the name of one column."""
    return tuple(_PLACE.findall(template))


def filled(template: str, value: Callable[[str], str]) -> str:
    """Return the text of a template with the values of its columns."""
    return _PLACE.sub(lambda place: value(place[1]), template)


def mistake(text: str) -> str:
    """Return a message about a brace without a column in a template, or an empty text."""
    if not {"{", "}"} & set(_PLACE.sub("", text)):
        return ""
    return f"{text!r} has a brace without a column; write columns as {{premise}}, and use no other braces"
