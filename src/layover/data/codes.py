"""Labels that written values stand for: numbers by their value, true and false in any letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_BOOLEANS = frozenset({"true", "false"})


def number(text: str) -> Decimal | None:
    """Return the number that a text is, None where it is none."""
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:  # an exponent of twenty digits
        return None


def meaning(written: str) -> Decimal | str:
    """Return what is equal for two ways to write one code: `1` and `1.0`, `true` and `True`."""
    value = number(written)
    if value is not None:
        return value
    return written.casefold() if written.casefold() in _BOOLEANS else written


class Codes:
    """Which label each written value stands for.

    Args:
        written: Value, as a file or a recipe writes it -> label.
    """

    def __init__(self, written: Mapping[str, str]) -> None:
        self._written = written
        self._meant = {meaning(code): label for code, label in written.items()}
        self.numbers = any(isinstance(code, Decimal) for code in self._meant)
        """Whether some are numbers: then every number is a code, and none is a label."""

    def get(self, written: str) -> str | None:
        """Return the label of a value, None where it is no code."""
        if written in self._written:
            return self._written[written]
        return self._meant.get(meaning(written)) if self._meant else None

    def lacks(self, written: str) -> bool:
        """Return whether a value is a number that is no code, where numbers are codes."""
        return self.numbers and number(written) is not None and self.get(written) is None
