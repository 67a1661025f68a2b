"""Labels as files and recipes write them: text, codes that stand for them, and advice where a value is no label."""

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


def as_text(labels: object) -> object:
    """Return labels, or values by name, with numbers and booleans as JSON writes them (`1`, `true`); all else as it is.

    So `labels: [0, 1]` are the labels "0" and "1".

    Raises:
        ValueError: one is null, which is no text.
    """
    if labels is None:
        raise ValueError('null is no text; write "null" in quotes if the text is meant')
    if isinstance(labels, (list, tuple)):
        return [as_text(label) for label in labels]
    if isinstance(labels, dict):
        return {name: as_text(label) for name, label in labels.items()}
    return json.dumps(labels) if isinstance(labels, bool | int | float) else labels


def hint(value: object, labels: Sequence[str], codes: Mapping[str, str]) -> str:
    """Return the nearest label, or all of them, and what else a value tells about the file.

    Args:
        value: What the file has, which is none of the labels.
        labels: The declared ones.
        codes: Written values that stand for labels.
    """
    if (Codes(codes).numbers and str(value) in labels) or (codes and not labels):
        return f"with `codes` a number is a code, and never a label of that name; the codes are {listed(codes)}"
    scale = "; a value on a scale (regression) is another kind of task"
    if isinstance(value, str):
        numeric = all(label.lstrip("+-").replace(".", "", 1).isdecimal() for label in labels)
        if not codes and numeric and _DECIMAL.fullmatch(value):
            return f"one of: {listed(labels)}" + (scale if float(value) % 1 else "; write both in one way")
        return alike(value, labels) or nearest(value, labels) + _numbered(value, labels, codes)
    known = f"one of: {listed(labels)}"
    if isinstance(value, (list, tuple)):
        return f"{known}; an example has one label: several of them (multi-label) are another kind of task"
    if isinstance(value, float) and not value.is_integer():
        return known + scale
    return known + _numbered(value, labels, codes)


def open_hint(value: object, *, tag: bool) -> str:
    """Return what is needed in the place of a value where labels come from the training data.

    Args:
        value: What the file has, no text.
        tag: Whether it is the tag of a word.
    """
    if tag:
        return "text is needed; which tag a number stands for is said by `codes: [O, B-PER, ...]`"
    needed = "text or a whole number is needed"
    if isinstance(value, bool):
        return f"{needed}; which label each of the two is, `codes` says: {{true: yes, false: no}}"
    if isinstance(value, float):
        return f"{needed}; a value on a scale (regression) is another kind of task"
    return f"{needed}; several labels of one example (multi-label) are another kind of task"


def _numbered(value: object, labels: Sequence[str], codes: Mapping[str, str]) -> str:
    """Return that a number may be a place in the labels."""
    written = str(value)
    if isinstance(value, bool):
        first = "" if len(labels) != 2 else f"{{true: {labels[1]}, false: {labels[0]}}} or the other way round"
        return "" if codes or not first else f"; which label each of the two is, `codes` may say: {first}"
    if codes and number(written) is not None:
        return f"; the codes are {listed(codes)}"
    if not (written.isascii() and written.isdecimal()):
        return ""
    if any(label.isdecimal() for label in labels) or int(written) > len(labels):
        return ""
    return (
        "; if numbers are places in `labels`, declare `codes: labels`, or which label each of them is: "
        f"`codes: {{{written}: {labels[min(int(written), len(labels) - 1)]}, ...}}`"
    )


def alike(value: str, labels: Sequence[str]) -> str:
    """Return the label, or choice, that a value is but for case, invisible or full-width characters; empty for none."""
    bare = _bare(value)
    found = [label for label in labels if _bare(label) == bare]
    if len(found) != 1:
        cased = [label for label in labels if _bare(label).casefold() == bare.casefold()]
        return f"did you mean {cased[0]!r}? Capitals and small letters differ" if len(cased) == 1 else ""
    extra = sorted({one for one in value if one not in found[0] and _is_invisible(one)})
    names = ", ".join(f"U+{ord(one):04X} {unicodedata.name(one, '')}".strip() for one in extra)
    with_what = f" with {names} in it or around it" if names else " in other characters"
    return f"did you mean {found[0]!r}? It is written{with_what}; mend the file"


def _bare(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKC", text) if not _is_invisible(one))


def _is_invisible(one: str) -> bool:
    """Return whether a character is a space, or one that formats or controls (a zero-width space, a mark of order)."""
    return one.isspace() or unicodedata.category(one) in {"Cf", "Cc"}
