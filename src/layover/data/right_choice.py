"""Which choice is the right one: by its number, its letter, its text or its name, the same way in a whole file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from layover.data.formats import Row
from layover.data.labels import alike
from layover.data.tally import BY_NAME, BY_TEXT, FROM_ONE, LETTERED, Reason
from layover.errors import DataError, nearest

Form = Literal["number", "number from 1", "letter", "text"]
"""How a recipe may say that the right choice is written."""

TOLD: Mapping[str, Reason] = {"number from 1": FROM_ONE, "letter": LETTERED, "text": BY_TEXT}
_WORDS = {"number": "a number from 0", "letter": "a letter", "text": "the text of a choice"}
_DECLARE = "declare `label_as`: number, number from 1, letter or text"


def by_form(form: str, value: object, choices: Sequence[str]) -> int | None:
    """Return which choice a value names if it is written in a form; None where it names none so.

    Args:
        form: One of `Form`.
        value: As the file has it.
        choices: The texts; of equal ones the first is named.
    """
    if form == "text":
        return choices.index(value) if isinstance(value, str) and value in choices else None
    if form == "letter":
        one = value.upper() if isinstance(value, str) and len(value) == 1 and value.isascii() else ""
        index = ord(one) - ord("A") if one.isalpha() else -1
    else:
        number = whole(value)
        index = -1 if number is None else number - (form == "number from 1")
    return index if 0 <= index < len(choices) else None


def whole(value: object) -> int | None:
    """Return a whole number, as number or digits, or as a table writes it beside empty cells (`1.0`)."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if float(value).is_integer() else None


@dataclass
class Forms:
    """The forms that the right choices of one file can have, fewer with every row."""

    left: dict[str, frozenset[str]] = field(default_factory=dict)
    """File -> forms that all of its rows so far can have."""
    decided: dict[str, str] = field(default_factory=dict)
    """File -> the row that left so few of them."""

    def is_text(self, path: str) -> bool:
        """Return whether the rows of a file so far can have the text of a choice only."""
        return self.left.get(path) == frozenset({"text"})

    def index(self, value: object, row: Row, choices: Sequence[str]) -> tuple[int, str]:
        """Return which choice a value names, and in which form, when the recipe does not say the form.

        Raises:
            DataError: it names none, two, or one in a form that the rows before it do not have.
        """
        found = {form: index for form in _WORDS if (index := by_form(form, value, choices)) is not None}
        if not found:
            raise DataError(f"{row.where()}: {value!r} is {none_of(value, choices)}")
        before = self.left.get(row.path)
        left = frozenset(found) if before is None else before & found.keys()
        if not left:
            forms = " or ".join(_WORDS[form] for form in _WORDS if form in (before or ()))
            raise DataError(
                f"{row.where()}: the right choice is {' or '.join(_WORDS[form] for form in found)} ({value!r}), but at "
                f"{self.decided[row.path]} it is {forms}; write it in one way, or name the column "
                "with the names of the choices as `choice_names`"
            )
        if left != before:
            self.left[row.path], self.decided[row.path] = left, row.where()
        indices = {found[form] for form in left}
        if len(indices) > 1:
            ways = " and ".join(f"{_WORDS[form]} ({choices[found[form]]!r})" for form in _WORDS if form in left)
            raise DataError(f"{row.where()}: {value!r} may be {ways}; {_DECLARE}")
        return indices.pop(), next(form for form in _WORDS if form in left)


def none_of(value: object, choices: Sequence[str]) -> str:
    """Return why a value is no choice, for a message."""
    count = len(choices)
    words = f"not one of the {count} choices, 0 to {count - 1}"
    if whole(value) == count:
        return f"{words}; if they are numbered from 1, declare `label_as: number from 1`"
    if isinstance(value, str) and (near := alike(value, choices)):
        return f"{words}, nor one of their texts; {near}"
    if isinstance(value, str) and len(value) > 1:
        return f"{words}, nor one of their texts; {nearest(value, choices)}"
    return words


def by_name(value: object, names: Sequence[object], row: Row) -> int:
    """Return the place of a value among the names of a row's choices.

    Raises:
        DataError: it is not among them, or twice.
    """
    written = [str(name) for name in names]
    if written.count(str(value)) != 1:
        why = "twice" if str(value) in written else "not"
        raise DataError(f"{row.where()}: {value!r} is {why} among the names of the choices, {', '.join(written)}")
    return written.index(str(value))


__all__ = ["BY_NAME", "TOLD", "Form", "Forms", "by_form", "by_name", "none_of"]
