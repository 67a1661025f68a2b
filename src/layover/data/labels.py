"""Labels as files and recipes write them: text, codes for labels, and advice when a value is not a label."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from layover.errors import listed, nearest

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_BOOLEANS = frozenset({"true", "false"})

_DECIMAL = re.compile(r"[+-]?[0-9]+\.[0-9]+")


def number(text: str) -> Decimal | None:
    """Return the number that a text writes, or None if it is not a number."""
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:  # an exponent of twenty digits
        return None


def meaning(written: str) -> Decimal | str:
    """Return a normal form of a code, equal for `1` and `1.0`, and for `true` and `True`."""
    value = number(written)
    if value is not None:
        return value
    return written.casefold() if written.casefold() in _BOOLEANS else written


class Codes:
    """The label of each written code.

    Args:
        written: Code, as a file or a recipe writes it -> label.
    """

    def __init__(self, written: Mapping[str, str]) -> None:
        self._written = written
        self._meant = {meaning(code): label for code, label in written.items()}
        self.numbers = any(isinstance(code, Decimal) for code in self._meant)
        """Whether some codes are numbers: then every number is a code, never a label."""

    def get(self, written: str) -> str | None:
        """Return the label of a value, or None if it is no code."""
        if written in self._written:
            return self._written[written]
        return self._meant.get(meaning(written)) if self._meant else None

    def lacks(self, written: str) -> bool:
        """Return whether numbers are codes, and a value is a number but no code."""
        return self.numbers and number(written) is not None and self.get(written) is None


def as_text(labels: object) -> object:
    """Return labels, or values by name, with numbers and booleans as JSON text (`1`, `true`); other values unchanged.

    So `labels: [0, 1]` are the labels "0" and "1".

    Raises:
        ValueError: a label is null, which is not text.
    """
    if labels is None:
        raise ValueError('null is not text; write "null" in quotes if you mean the text')
    if isinstance(labels, (list, tuple)):
        return [as_text(label) for label in labels]
    if isinstance(labels, dict):
        return {name: as_text(label) for name, label in labels.items()}
    return json.dumps(labels) if isinstance(labels, bool | int | float) else labels


def hint(value: object, labels: Sequence[str], codes: Mapping[str, str]) -> str:
    """Return the nearest label, or all labels, and advice on the probable cause.

    Args:
        value: A value in the file that is not a label.
        labels: The declared labels.
        codes: Code -> label.
    """
    if (Codes(codes).numbers and str(value) in labels) or (codes and not labels):
        return f"with `codes`, every number is a code and no number is a label; the codes are {listed(codes)}"
    scale = "; for values on a scale, use `kind: regression`"
    if isinstance(value, str):
        numeric = all(label.lstrip("+-").replace(".", "", 1).isdecimal() for label in labels)
        if not codes and numeric and _DECIMAL.fullmatch(value):
            return f"one of: {listed(labels)}" + (scale if float(value) % 1 else "; write both in the same form")
        return alike(value, labels) or nearest(value, labels) + _numbered(value, labels, codes)
    known = f"one of: {listed(labels)}"
    if isinstance(value, (list, tuple)):
        return f"{known}; an example has one label; for several labels, use `kind: multilabel`"
    if isinstance(value, float) and not value.is_integer():
        return known + scale
    return known + _numbered(value, labels, codes)


def open_hint(value: object, *, tag: bool) -> str:
    """Return advice on a value that cannot be a label, for labels that come from the training data.

    Args:
        value: A value in the file that is not text.
        tag: Whether it is the tag of a word.
    """
    if tag:
        return "text is needed; declare the tag of each number: `codes: [O, B-PER, ...]`"
    needed = "text or a whole number is needed"
    if isinstance(value, bool):
        return f"{needed}; declare the label of each boolean: `codes: {{true: yes, false: no}}`"
    if isinstance(value, float):
        return f"{needed}; for values on a scale, use `kind: regression`"
    return f"{needed}; for several labels, use `kind: multilabel`"


def _numbered(value: object, labels: Sequence[str], codes: Mapping[str, str]) -> str:
    """Return the advice that a number may be a position in the labels, or an empty text."""
    written = str(value)
    if isinstance(value, bool):
        if codes or len(labels) != 2:
            return ""
        first = f"`codes: {{true: {labels[1]}, false: {labels[0]}}}`"
        return f"; declare the label of each boolean: {first}, or the other way round"
    if codes and number(written) is not None:
        return f"; the codes are {listed(codes)}"
    if not (written.isascii() and written.isdecimal()):
        return ""
    if any(label.isdecimal() for label in labels) or int(written) > len(labels):
        return ""
    return (
        "; if numbers are positions in `labels`, declare `codes: labels`, or the label of each number: "
        f"`codes: {{{written}: {labels[min(int(written), len(labels) - 1)]}, ...}}`"
    )


def alike(value: str, labels: Sequence[str]) -> str:
    """Return advice if a value equals a label except for case, invisible or full-width characters; else empty text."""
    bare = _bare(value)
    matches = [label for label in labels if _bare(label) == bare]
    if len(matches) != 1:
        cased = [label for label in labels if _bare(label).casefold() == bare.casefold()]
        return f"did you mean {cased[0]!r}? Upper and lower case differ" if len(cased) == 1 else ""
    extra = sorted({character for character in value if character not in matches[0] and _is_invisible(character)})
    names = ", ".join(f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip() for character in extra)
    difference = f"contains {names}" if names else "uses other characters"
    return f"did you mean {matches[0]!r}? The value {difference}; correct the file"


def _bare(text: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFKC", text) if not _is_invisible(character))


def _is_invisible(character: str) -> bool:
    """Return whether a character is white space, a format character or a control character."""
    return character.isspace() or unicodedata.category(character) in {"Cf", "Cc"}
