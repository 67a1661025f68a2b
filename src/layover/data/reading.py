"""The fields of an example from the columns of a source: names, templates, and codes for labels."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from unicodedata import normalize

from layover.data.formats import Row
from layover.data.labels import Codes, hint, number, open_hint
from layover.data.right_choice import BY_NAME, NOTED_FORMS, Forms, by_form, by_name, whole
from layover.data.tally import BY_VALUE, MINUS_ONE, NORMALISED, Reason, Tally
from layover.data.templates import filled, is_template, places
from layover.errors import DataError

Columns = Mapping[str, str | tuple[str, ...]]
"""Field of the kind -> a column, or a template of columns (`"{premise} What was the {question}?"`), or for
`choices` several columns."""

NO_GOLD = ("", "-", "-1", -1, None)
"""Values for a label that is withheld or that the annotators did not agree on; a declared label has priority."""


@dataclass(frozen=True)
class Reading:
    """The columns of a source, the written forms of its labels, and whether labels may be missing.

    `codes` maps integers to labels; `aliases` replaces values before all other rules.
    """

    columns: Columns
    labels: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    blind: bool = False
    """Whether the column of the gold may be absent (test files without labels)."""
    only_gold: bool = False
    """Whether rows without gold are left out (SNLI's `-`)."""
    open: bool = False
    """Whether any text is a label because none is declared; then typing errors in labels are not detected."""
    right: str = ""
    """choice: the form of the right choice, see `right_choice.Form`; `auto` detects it; the default is a number."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the task that only its kind reads, as JSON."""
    tally: Tally | None = field(default=None, compare=False, repr=False)
    """Counts the values of one pass that are not read as they are written."""

    def names(self, name: str) -> tuple[str, ...]:
        """Return the columns that a field is read from."""
        column = self.columns[name]
        if isinstance(column, tuple):
            return column
        return places(column) if is_template(column) else (column,)

    def value(self, row: Row, name: str) -> Any:
        """Return the value of a field, unchanged from the source.

        Raises:
            DataError: the row lacks the column.
        """
        column = self.columns[name]
        if isinstance(column, tuple):
            return [row.value(name) for name in column]
        return row.value(column)

    def text(self, row: Row, name: str) -> str:
        """Return a field that must be text, with its template filled in.

        Raises:
            DataError: the value is not text, or several columns are declared.
        """
        column = self.columns[name]
        if isinstance(column, str) and is_template(column):
            return filled(column, lambda place: self._text(row, place))
        if isinstance(column, str):
            return self._text(row, column)
        raise DataError(f"{row.where()}: {name} must be one text, but several columns are declared: {column}")

    def texts(self, row: Row, name: str) -> tuple[str, ...]:
        """Return a field that must be a list of texts.

        Raises:
            DataError: the value is not a list, or an item is not text.
        """
        values = self.value(row, name)
        if not isinstance(values, Sequence) or isinstance(values, str):
            advice = "; a cell of a table cannot hold a list: save the rows as jsonl" if _is_list(values) else ""
            problem = f"{self.columns[name]!r} is {_short(values)}, but a list of texts is needed{advice}"
            raise DataError(f"{row.where()}: {problem}")
        for value in values:
            if not isinstance(value, str):
                raise DataError(f"{row.where()}: {self.columns[name]!r} holds {_short(value)}, but text is needed")
        return tuple(values)

    def gold(self, row: Row, name: str) -> Any:
        """Return the raw value of a gold field, or None if it is absent and may be absent."""
        column = self.columns.get(name)
        if column is None or (self.blind and isinstance(column, str) and column not in row.values):
            return None
        return self.value(row, name)

    def label(self, value: object, row: Row, word: int | None = None) -> str | None:
        """Return the label of a raw value, or None for no gold.

        A declared label is always a label, even if other files use the same text for no gold (`-1`, `-`).

        Raises:
            DataError: the value means no label, or two labels; with file:line and the nearest label.
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if self.open and word is None and not self.blind and value in ("-1", -1) and self._coded.get("-1") is None:
            self._note(MINUS_ONE, row.where())
        if isinstance(value, str) and value in self._texts:
            return self._texts[value]
        if isinstance(value, str) and (coded := self._coded.get(value)) is not None:
            return coded
        if isinstance(value, str) and self._coded.lacks(value):
            raise DataError(f"{row.where(word)}: {_short(value)} is not a label; {self._hint(value, word)}")
        if self.open and isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            label = self._numbered(value, row, word)
            if label is not None and not isinstance(value, bool) and self._is_otherwise(value, label):
                self._note(BY_VALUE, row.where(word))
            return label
        if isinstance(value, str) and (normal := normalize("NFC", value)) in self._normal:
            self._note(NORMALISED, row.where(word))
            return self._normal[normal]
        advice = _of_columns(row) if isinstance(value, list) and word is None else ""
        raise DataError(f"{row.where(word)}: {_short(value)} is not a label; {advice or self._hint(value, word)}")

    def _is_otherwise(self, value: float, label: str) -> bool:
        """Return whether a number means a label of equal value that is written in another form."""
        return label != json.dumps(value) and number(label) is not None and not (self.codes or self.aliases)

    def _note(self, reason: Reason, where: str) -> None:
        if self.tally is not None:
            self.tally.add(reason, where)

    def _numbered(self, value: bool | float, row: Row, word: int | None) -> str | None:
        """Return the label of a JSON number or boolean, or None for no gold."""
        written, where = json.dumps(value), row.where(word)
        if written not in self._numbers:
            labels = self._labels_like(written, boolean=isinstance(value, bool))
            if self.open and word is None and not self.aliases and value != -1 and (code := whole(value)) is not None:
                labels = (str(code),)  # a number may be a label's name, but for a tag it is a position in a list
            if len(labels) > 1:
                shown = " or ".join(map(repr, labels))
                raise DataError(f"{where}: the number {written} may mean {shown}; write the label as text in the file")
            if not labels and (isinstance(value, bool) or value != -1 or "-1" in self.labels):
                raise DataError(f"{where}: {written} is not a label; {self._hint(value, word)}")
            self._numbers[written] = labels[0] if labels else None
        return self._numbers[written]

    def index(self, value: object, row: Row, count: int) -> int | None:
        """Return the index (0-based) of the choice that a number or digits name, or None for no gold.

        Raises:
            DataError: the value is not an index of one of the `count` choices.
        """
        if isinstance(value, str | int):
            value = self.aliases.get(str(value), value)
        if value in NO_GOLD or (isinstance(value, float) and math.isnan(value)):
            return None
        place = whole(value)
        if place is None or not 0 <= place < count:
            raise DataError(f"{row.where()}: {_short(value)} is not one of the {count} choices, 0 to {count - 1}")
        return place

    def chosen(self, row: Row, choices: Sequence[str]) -> int | None:
        """Return the index of the right choice of a row, or None for no gold.

        Raises:
            DataError: the value names no choice, or is ambiguous.
        """
        value = self.gold(row, "label")
        if "names" in self.columns:
            if value in NO_GOLD:
                return None
            self._note(BY_NAME, row.where())
            names = self.value(row, "names")
            if not isinstance(names, Sequence) or isinstance(names, str) or len(names) != len(choices):
                raise DataError(f"{row.where()}: {_short(names)} must be a list of {len(choices)} names of choices")
            return by_name(value, names, row)
        if not self.right:
            return self.index(value, row, len(choices))
        text = isinstance(value, str) and value in choices and self.right in {"text", "auto"}
        if text and self.right == "auto" and value in NO_GOLD and not self._forms.is_text(row.path):
            raise DataError(f"{row.where()}: {value!r} may mean no gold, or be a choice's text; declare `label_as`")
        if not text and (value in NO_GOLD or (isinstance(value, float) and math.isnan(value))):
            return None
        if self.right == "auto":
            index, form = self._forms.index(value, row, choices)
        else:
            form, named = self.right, by_form(self.right, value, choices)
            if named is None:
                raise DataError(f"{row.where()}: {_short(value)} is no {form} of one of the {len(choices)} choices")
            index = named
        if form in NOTED_FORMS:
            self._note(NOTED_FORMS[form], row.where())
        return index

    @cached_property
    def _forms(self) -> Forms:
        return Forms()

    @cached_property
    def _normal(self) -> dict[str, str]:
        """Unicode normal form (NFC) of each label -> the label."""
        return {normalize("NFC", label): label for label in self.labels}

    @cached_property
    def _texts(self) -> dict[str, str | None]:
        """Text -> label, or None for no gold: aliases come before labels, labels before the values for no gold."""
        table: dict[str, str | None] = dict.fromkeys(value for value in NO_GOLD if isinstance(value, str))
        table |= {label: label for label in self.labels} | dict(self.aliases)
        return {text: label for text, label in table.items() if label is None or not self._coded.lacks(text)}

    @cached_property
    def _coded(self) -> Codes:
        return Codes(self.aliases)

    @cached_property
    def _numbers(self) -> dict[str, str | None]:
        """Number as JSON text -> label, or None for no gold: the codes, and the numbers read so far."""
        return {str(code): self.aliases.get(name, name) for code, name in enumerate(self.codes)}

    def _labels_like(self, written: str, *, boolean: bool) -> tuple[str, ...]:
        """Return the labels that a JSON number or boolean may mean: the equal text, else all labels of equal value.

        If codes number the labels, a number from 0 on is always a code.
        """
        coded = self._coded.get(written)
        if coded is not None:
            return (coded,)
        if not boolean and (self._coded.numbers or (self.codes and written.isdecimal())):
            return ()
        if written in self.labels:
            return (written,)
        if boolean:
            return tuple(label for label in self.labels if label.casefold() == written)
        value = number(written)
        return tuple(label for label in self.labels if value is not None and number(label) == value)

    def _hint(self, value: object, word: int | None) -> str:
        if self.open and not self.aliases:
            return open_hint(value, tag=word is not None)
        return hint(value, self.labels, self.aliases)

    def _text(self, row: Row, column: str) -> str:
        value = row.value(column)
        if not isinstance(value, str):
            raise DataError(f"{row.where()}: {column!r} is {_short(value)}, but text is needed")
        return value


def _of_columns(row: Row) -> str:
    """Return advice on a row that holds a whole table, or an empty text for other rows."""
    values = list(row.values.values())
    table = len(values) > 1 and all(isinstance(value, list) and len(value) == len(values[0]) for value in values)
    return "the row holds a whole column under each key; write one object for each example" if table else ""


def _is_list(value: object) -> bool:
    """Return whether a text looks like a list that was saved in a table."""
    return isinstance(value, str) and value.startswith("[") and value.endswith("]")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
