"""Rows to predict: the names of their fields, and checks of each row before any model is loaded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from layover import kinds, tasks
from layover.data.formats import Row
from layover.data.reading import Reading
from layover.errors import DataError, ModelError, first_few, nearest, shortened
from layover.kinds import Kind
from layover.layouts import heads
from layover.packages.card import Card
from layover.packages.sections import TaskFacts

PACKAGE = "package"
"""Field in which a row names its package, if several packages are loaded."""


def row_of(given: object, number: int) -> Row:
    """Return the row of a value from a program.

    Args:
        given: Values by field, a text, or a row of a file.
        number: Number of the row, from 1 on.

    Raises:
        DataError: the value has another type.
    """
    if isinstance(given, Row):
        return given
    if isinstance(given, str):
        return Row({"text": given}, "", number)
    if isinstance(given, Mapping):
        return Row(given, "", number)
    raise DataError(f"row {number} is of type {type(given).__name__}; give a text, or values by field")


@dataclass(frozen=True)
class RowReader:
    """Converts rows to examples for a package.

    A row has the fields of the kind (`first`, `second`), or the columns of the task's own data (`premise`,
    `hypothesis`), or `text` for a single text. Other fields are ignored.
    """

    task: TaskFacts

    def read(self, row: Row) -> Any:
        """Return the example of a row, without gold.

        Raises:
            DataError: with file:line, for a field that is missing, empty or of the wrong type.
        """
        values = {**row.values, "id": row.values.get("id", row.line)}
        kind, text = self._kind, values.get("text")
        if kind.reads_plain_text and isinstance(text, str):
            values = {**kind.of_text(text), **values}
        given = replace(row, values=values)
        form = next((form for form in self._forms if not _missing(given, form)), None)
        if form is None:
            raise self._unreadable(given)
        example = kind.parse(given, form)
        for field, value in kind.to_json(example).items():
            if field in kind.row_fields and value is not None:
                _check_text(row, field, value)
        return example

    @property
    def _kind(self) -> Kind[Any]:
        return kinds.get(self.task.kind)

    def _ordered(self, fields: Iterable[str]) -> list[str]:
        """Return the fields of a row to predict, in the order for display."""
        return [field for field in self._kind.row_fields if field in {*fields}]

    @cached_property
    def _forms(self) -> tuple[Reading, ...]:
        """Return the ways to read a row, the columns of the task's own data first."""
        declared = self._declared()
        fields = self._ordered(declared if declared is not None else self._kind.required)
        forms: list[dict[str, str | tuple[str, ...]]] = [{field: field for field in fields}]
        if declared is not None:
            forms.insert(0, {field: declared[field] for field in fields})
        elif optional := self._kind.optional:  # unknown whether the task has a second text
            forms.insert(0, {field: field for field in self._ordered({*fields, *optional})})
        if fields == ["first"]:
            forms.append({"first": "text"})
        return tuple(Reading({**form, "id": "id"}) for form in forms)

    def _declared(self) -> Mapping[str, str | tuple[str, ...]] | None:
        """Return field of the kind -> column of the task's own data, or None if unknown."""
        if self.task.columns is not None:
            return self.task.columns
        if self.task.name in tasks.names() and tasks.get(self.task.name).kind == self.task.kind:
            return tasks.get(self.task.name).columns
        return None

    def _unreadable(self, row: Row) -> DataError:
        """Return the error about a row: the first missing field of the form with the fewest missing fields."""
        missing = shortened(min((_missing(row, form) for form in self._forms), key=len)[0])
        there = [str(name) for name in row.values if name not in {"id", PACKAGE}]
        mistaken = difflib.get_close_matches(missing, there, n=1)
        hint = f"{mistaken[0]!r}: did you mean {missing!r}?" if mistaken else f"it has {first_few(there, 10) or 'none'}"
        ways = [" and ".join(_columns(form)) for form in self._forms]
        readable = shortened(", or ".join(dict.fromkeys([*ways, "text"] if self._kind.reads_plain_text else ways)), 400)
        return DataError(
            f"{row.where()}: the field {missing!r} is missing ({hint}); {shortened(self.task.name)} reads {readable}"
        )


class Readers(Mapping[str, RowReader]):
    """Package -> reader of its rows.

    Args:
        cards: Cards of the packages that are used together.

    Raises:
        ModelError: two packages have one name, or a package cannot predict.
    """

    def __init__(self, cards: Iterable[Card]) -> None:
        self._readers: dict[str, RowReader] = {}
        for card in cards:
            if card.id in self._readers:
                raise ModelError(f"two packages are called {card.id}; load only one, or export one under another name")
            self._readers[card.id] = RowReader(_task_of(card))
        if not self._readers:
            raise ModelError("no package is given; give the folder of a package")

    def __getitem__(self, package: str) -> RowReader:
        return self._readers[package]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def known(self, package: object, where: str) -> str:
        """Return the checked name of a package; for None, the name of the only package.

        Args:
            package: The name.
            where: Source of the name, for the message.

        Raises:
            DataError: no package has this name, or none is named and there are several.
        """
        if package is None:
            if len(self) == 1:
                return next(iter(self))
            raise DataError(f"{where}: no package is named; name one of: {', '.join(self)}")
        if not isinstance(package, str) or package not in self._readers:
            raise DataError(f"{where}: the package {package!r} is not loaded; {nearest(str(package), self)}")
        return package

    def of(self, row: Row) -> str:
        """Return the package that a row names; with a single package, this field of the row is ignored."""
        return self.known(row.values.get(PACKAGE) if len(self) > 1 else None, row.where())

    def read(self, row: Row) -> Any:
        """Return the example of a row for its package; see `of` and `RowReader.read`."""
        return self[self.of(row)].read(row)


def _task_of(card: Card) -> TaskFacts:
    """Return the task of a package, and refuse a package without a head."""
    if card.task is None or heads.HEAD not in card.files:
        training = "a mixture of tasks" if card.task is None else f"{shortened(card.task.name)}, {card.task.kind}"
        raise ModelError(
            f"{card.id} has no head (it was trained on {training}), so it cannot predict; use it as an intermediate of "
            "another training"
        )
    return card.task


def _columns(form: Reading) -> list[str]:
    """Return the columns that a form reads."""
    columns: list[str] = []
    for field in form.columns:
        columns += form.names(field) if field != "id" else ()
    return list(dict.fromkeys(columns))


def _missing(row: Row, form: Reading) -> list[str]:
    return [column for column in _columns(form) if not _has(row, column)]


def _has(row: Row, column: str) -> bool:
    try:
        row.value(column)
    except DataError:
        return False
    return True


def _check_text(row: Row, field: str, value: object) -> None:
    """Refuse empty fields and texts that a tokenizer cannot read."""
    texts: Sequence[object] = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if not texts or (isinstance(value, str) and not value.strip()):
        raise DataError(f"{row.where()}: {field} is empty; give a text")
    for text in texts:
        try:
            str(text).encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{row.where()}: {field} is not valid text ({error.reason})") from None
