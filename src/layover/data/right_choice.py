"""The right choice of a row: by its number, letter, text or name, in the same form in a whole file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from layover.data.formats import Row
from layover.data.labels import alike
from layover.data.tally import BY_NAME, BY_TEXT, FROM_ONE, LETTERED, Reason
from layover.errors import DataError, nearest

Form = Literal["number", "number from 1", "letter", "text"]
"""Forms of the right choice that a recipe may declare."""

NOTED_FORMS: Mapping[str, Reason] = {"number from 1": FROM_ONE, "letter": LETTERED, "text": BY_TEXT}
"""Form -> the reason that counts rows of this form; a number from 0 is not counted."""
_WORDS = {"number": "a number from 0", "letter": "a letter", "text": "the text of a choice"}
_DECLARE = "declare `label_as`: number, number from 1, letter or text"


def by_form(form: str, value: object, choices: Sequence[str]) -> int | None:
    """Return the index of the choice that a value names in a form, or None if it names no choice.

    Args:
        form: One of `Form`.
        value: Value in the file.
        choices: The texts; of equal texts, the first one counts.
    """
    if form == "text":
        return choices.index(value) if isinstance(value, str) and value in choices else None
    if form == "letter":
        letter = value.upper() if isinstance(value, str) and len(value) == 1 and value.isascii() else ""
        index = ord(letter) - ord("A") if letter.isalpha() else -1
    else:
        number = whole(value)
        index = -1 if number is None else number - (form == "number from 1")
    return index if 0 <= index < len(choices) else None


def whole(value: object) -> int | None:
    """Return the whole number of a number, of digits, or of `1.0` (as tables with empty cells write it), or None."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if float(value).is_integer() else None


@dataclass
class Forms:
    """The possible forms of the right choices in each file; every row can exclude some."""

    left: dict[str, frozenset[str]] = field(default_factory=dict)
    """File -> forms that fit all of its rows so far."""
    decided: dict[str, str] = field(default_factory=dict)
    """File -> the last row that excluded a form."""

    def is_text(self, path: str) -> bool:
        """Return whether `text` is the only form that fits the rows of a file so far."""
        return self.left.get(path) == frozenset({"text"})

    def index(self, value: object, row: Row, choices: Sequence[str]) -> tuple[int, str]:
        """Return the index of the choice that a value names, and its form, if the recipe does not declare the form.

        Raises:
            DataError: the value names no choice, or two; or its form does not fit the rows before it.
        """
        index_by_form = {form: index for form in _WORDS if (index := by_form(form, value, choices)) is not None}
        if not index_by_form:
            raise DataError(f"{row.where()}: {value!r} is {none_of(value, choices)}")
        before = self.left.get(row.path)
        left = frozenset(index_by_form) if before is None else before & index_by_form.keys()
        if not left:
            here = " or ".join(_WORDS[form] for form in index_by_form)
            forms = " or ".join(_WORDS[form] for form in _WORDS if form in (before or ()))
            raise DataError(
                f"{row.where()}: the right choice is {here} ({value!r}), but at {self.decided[row.path]} it is "
                f"{forms}; write it in the same form everywhere, or declare the column with the names of the choices "
                "as `choice_names`"
            )
        if left != before:
            self.left[row.path], self.decided[row.path] = left, row.where()
        indices = {index_by_form[form] for form in left}
        if len(indices) > 1:
            forms = " or ".join(f"{_WORDS[form]} ({choices[index_by_form[form]]!r})" for form in _WORDS if form in left)
            raise DataError(f"{row.where()}: {value!r} may be {forms}; {_DECLARE}")
        return indices.pop(), next(form for form in _WORDS if form in left)


def none_of(value: object, choices: Sequence[str]) -> str:
    """Return the part of a message that explains why a value is no choice."""
    count = len(choices)
    problem = f"not one of the {count} choices, 0 to {count - 1}"
    if whole(value) == count:
        return f"{problem}; if they are numbered from 1, declare `label_as: number from 1`"
    if isinstance(value, str) and (near := alike(value, choices)):
        return f"{problem}, and not the text of a choice; {near}"
    if isinstance(value, str) and len(value) > 1:
        return f"{problem}, and not the text of a choice; {nearest(value, choices)}"
    return problem


def by_name(value: object, names: Sequence[object], row: Row) -> int:
    """Return the index of a value in the names of a row's choices.

    Raises:
        DataError: the value is not in the names, or is there twice.
    """
    written = [str(name) for name in names]
    if written.count(str(value)) != 1:
        count = "more than once" if str(value) in written else "not"
        raise DataError(f"{row.where()}: {value!r} is {count} among the names of the choices, {', '.join(written)}")
    return written.index(str(value))


__all__ = ["BY_NAME", "NOTED_FORMS", "Form", "Forms", "by_form", "by_name", "none_of"]
