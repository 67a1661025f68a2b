"""Swahili noun classes: agreement forms of each class, and the prefixes of verbs."""

from __future__ import annotations

LIVING = "1"
"""The agreement class of people and animals."""
ADJECTIVE_FORMS = {"1": 0, "2": 1, "3": 2, "11": 2, "4": 3, "5": 4, "6": 5, "7": 6, "8": 7, "9": 8, "10": 8}
"""Class -> field of an adjective."""
NUMBER_FORMS = {"2": 0, "4": 1, "6": 2, "8": 3, "10": 4}
"""Class of a plural -> field of a numeral."""
SUBJECT, OBJECT, OF, HOW_MANY = range(4)
"""Fields of a class."""


def past(subject: str, *, denied: bool) -> str:
    """Return the prefixes of the past after the subject's own: `ali`, `haku`, `kili`, `hakiku`."""
    if not denied:
        return f"{subject}li"
    return "haku" if subject == "a" else f"ha{subject}ku"


def marked(marker: str, stem: str) -> str:
    """Return the stem with the prefix of its object: `mpa`, `mwona`, `muuzia`."""
    if marker == "m" and stem[0] in "aeiou":
        return f"mu{stem}" if stem[0] == "u" else f"mw{stem}"
    # three i in a row (aliiiba) are never written
    return stem if marker == "i" and stem[0] == "i" else marker + stem
