"""How the columns of a source become the fields of an example: names, templates, and codes for labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from layover.data.formats import Row
from layover.errors import DataError, nearest

Columns = Mapping[str, str | tuple[str, ...]]
"""Field of the kind -> a column, or a template of columns (`"{premise} What was the {question}?"`), or for
`choices` several columns."""

NO_GOLD = ("", "-", "-1", -1, None)
"""What files and hub data sets write where a label is withheld or was not agreed on."""

_PLACE = re.compile(r"\{([\w.]+)\}")


@dataclass(frozen=True)
class Reading:
    """The columns of a source, what its labels are written as, and whether they may be missing.

    `codes` says which label an integer stands for; `aliases` replaces values before anything else.
    """

    columns: Columns
    labels: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    blind: bool = False
    """Whether the column with the gold may be absent (test files without labels)."""
    only_gold: bool = False
    """Whether rows without gold are left out (SNLI's `-`)."""
    open: bool = False
    """Whether there are no declared labels and any text is one: no typo can be told from a label."""

    def names(self, name: str) -> tuple[str, ...]:
        """Return the columns that a field is read from."""
        column = self.columns[name]
        if isinstance(column, tuple):
            return column
        return tuple(_PLACE.findall(column)) if "{" in column else (column,)

    def value(self, row: Row, name: str) -> Any:
        """Return the value of a field as the source has it.

        Raises:
            DataError: the row lacks the column.
        """
        column = self.columns[name]
        if isinstance(column, tuple):
            return [row.value(each) for each in column]
        return row.value(column)

    def text(self, row: Row, name: str) -> str:
        """Return a field that must be text, its template filled in."""
        column = self.columns[name]
        if isinstance(column, str) and "{" in column:
            return _PLACE.sub(lambda place: self._text(row, place[1]), column)
        if isinstance(column, str):
            return self._text(row, column)
        raise DataError(f"{row.where()}: {name} is one text, but several columns are declared: {column}")

    def texts(self, row: Row, name: str) -> tuple[str, ...]:
        """Return a field that must be a list of texts."""
        values = self.value(row, name)
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise DataError(f"{row.where()}: {self.columns[name]!r} is {_short(values)}, but a list of texts is needed")
        for value in values:
            if not isinstance(value, str):
                raise DataError(f"{row.where()}: {self.columns[name]!r} holds {_short(value)}, but text is needed")
        return tuple(values)

    def gold(self, row: Row, name: str) -> Any:
        """Return the raw value of a gold field, or None where the source is allowed not to have it."""
        column = self.columns.get(name)
        if column is None or (self.blind and isinstance(column, str) and column not in row.values):
            return None
        return self.value(row, name)

    def label(self, value: object, row: Row, word: int | None = None) -> str | None:
        """Return the label that a raw value stands for, None for no gold.

        Raises:
            DataError: it stands for none, with file:line and the nearest label.
        """
        if not isinstance(value, bool) and isinstance(value, int | str | None) and value in self._table:
            return self._table[value]
        if self.open and isinstance(value, str):
            return value
        known = "text is needed" if self.open else f"one of: {', '.join(self.labels)}"
        hint = nearest(value, self.labels) if isinstance(value, str) else known
        raise DataError(f"{row.where(word)}: {_short(value)} is not a label; {hint}")

    def index(self, value: object, row: Row, count: int) -> int | None:
        """Return which of `count` choices a raw value names (0-based, as number or digits), None for no gold."""
        if isinstance(value, str | int):
            value = self.aliases.get(str(value), value)
        if value in NO_GOLD:
            return None
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
            raise DataError(f"{row.where()}: {_short(value)} is not one of the {count} choices, 0 to {count - 1}")
        return value

    @cached_property
    def _table(self) -> dict[str | int | None, str | None]:
        table: dict[str | int | None, str | None] = dict.fromkeys(NO_GOLD)
        if self.codes:
            table |= {code: self.aliases.get(name, name) for code, name in enumerate(self.codes)}
        else:  # jsonl may write the label "1" as a number
            table |= {int(label): label for label in self.labels if label.isdecimal()}
        table |= {label: label for label in self.labels}
        return table | dict(self.aliases)

    def _text(self, row: Row, column: str) -> str:
        value = row.value(column)
        if not isinstance(value, str):
            raise DataError(f"{row.where()}: {column!r} is {_short(value)}, but text is needed")
        return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
