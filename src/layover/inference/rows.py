"""Rows to predict: under which names their fields are known, and what of a row is wrong, before any model is loaded."""

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
"""The field in which a row names its package, where there are several."""


def row_of(given: object, number: int) -> Row:
    """Return what a program gave as a row.

    Args:
        given: Values by field, a text, or a row of a file.
        number: Of the row, from 1 on.

    Raises:
        DataError: it is something else.
    """
    if isinstance(given, Row):
        return given
    if isinstance(given, str):
        return Row({"text": given}, "", number)
    if isinstance(given, Mapping):
        return Row(given, "", number)
    raise DataError(f"row {number}: it is of type {type(given).__name__}, but a text or values by field are needed")


@dataclass(frozen=True)
class RowReader:
    """Makes examples of the rows that a package is given.

    A row has the fields of the kind (`first`, `second`), or the columns of the task's own data (`premise`,
    `hypothesis`), or `text` where that is one text; whatever else it has is left alone.
    """

    task: TaskFacts

    def read(self, row: Row) -> Any:
        """Return the example of a row, without gold.

        Raises:
            DataError: with its place, for a field that is missing, empty or of the wrong type.
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
        """Return those of the fields that a row to predict has, as they are told to people."""
        return [field for field in self._kind.row_fields if field in {*fields}]

    @cached_property
    def _forms(self) -> tuple[Reading, ...]:
        """Return the ways to read a row, the columns of the task's own data first."""
        declared = self._declared()
        fields = self._ordered(declared if declared is not None else self._kind.required)
        forms: list[dict[str, str | tuple[str, ...]]] = [{field: field for field in fields}]
        if declared is not None:
            forms.insert(0, {field: declared[field] for field in fields})
        elif optional := self._kind.optional:  # nobody says whether the task has a second text
            forms.insert(0, {field: field for field in self._ordered({*fields, *optional})})
        if fields == ["first"]:
            forms.append({"first": "text"})
        return tuple(Reading({**form, "id": "id"}) for form in forms)

    def _declared(self) -> Mapping[str, str | tuple[str, ...]] | None:
        """Return what the task's own data call the fields of its kind, None where nobody says."""
        if self.task.columns is not None:
            return self.task.columns
        if self.task.name in tasks.names() and tasks.get(self.task.name).kind == self.task.kind:
            return tasks.get(self.task.name).columns
        return None

    def _unreadable(self, row: Row) -> DataError:
        """Return what a row lacks: of the way to read it that lacks least, the first one."""
        missing = shortened(min((_missing(row, form) for form in self._forms), key=len)[0])
        there = [str(name) for name in row.values if name not in {"id", PACKAGE}]
        mistaken = difflib.get_close_matches(missing, there, n=1)
        hint = f"{mistaken[0]!r}: did you mean {missing!r}?" if mistaken else f"it has {first_few(there, 10) or 'none'}"
        ways = [" and ".join(_columns(form)) for form in self._forms]
        readable = shortened(", or ".join(dict.fromkeys([*ways, "text"] if self._kind.reads_plain_text else ways)), 400)
        return DataError(
            f"{row.where()}: there is no field {missing!r} ({hint}); {shortened(self.task.name)} reads {readable}"
        )


class Readers(Mapping[str, RowReader]):
    """Package -> how its rows are read.

    Args:
        cards: Of packages that are used together.

    Raises:
        ModelError: two have one name, or one of them cannot predict.
    """

    def __init__(self, cards: Iterable[Card]) -> None:
        self._readers: dict[str, RowReader] = {}
        for card in cards:
            if card.id in self._readers:
                raise ModelError(
                    f"two packages are called {card.id}; give one of them, or export one under another name"
                )
            self._readers[card.id] = RowReader(_task_of(card))
        if not self._readers:
            raise ModelError("no package is named; name the folder of one")

    def __getitem__(self, package: str) -> RowReader:
        return self._readers[package]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def known(self, package: object, where: str) -> str:
        """Return the name of a package that is among them; of the only one for None.

        Args:
            package: The name.
            where: Who names it.

        Raises:
            DataError: there is no such package, or there are several and none is named.
        """
        if package is None:
            if len(self) == 1:
                return next(iter(self))
            raise DataError(f"{where}: names no package; one of: {', '.join(self)}")
        if not isinstance(package, str) or package not in self._readers:
            raise DataError(f"{where}: no package {package!r} is loaded; {nearest(str(package), self)}")
        return package

    def of(self, row: Row) -> str:
        """Return the package that a row names; of one alone no row names any, and such a field is left alone."""
        return self.known(row.values.get(PACKAGE) if len(self) > 1 else None, row.where())

    def read(self, row: Row) -> Any:
        """Return the example of a row for its package; see `of` and `RowReader.read`."""
        return self[self.of(row)].read(row)


def _task_of(card: Card) -> TaskFacts:
    """Return the task of a package that can predict."""
    if card.task is None or heads.HEAD not in card.files:
        training = "a mixture of tasks" if card.task is None else f"{shortened(card.task.name)}, {card.task.kind}"
        raise ModelError(
            f"{card.id}: has no head (it was trained on {training}), so there is nothing to predict; it is an intermediate "
            "for other trainings"
        )
    return card.task


def _columns(form: Reading) -> list[str]:
    """Return the columns that a way to read rows looks at."""
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
    """Refuse what no tokenizer reads, and what there is nothing to predict from."""
    texts: Sequence[object] = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if not texts or (isinstance(value, str) and not value.strip()):
        raise DataError(f"{row.where()}: {field} is empty, so there is nothing to predict from")
    for text in texts:
        try:
            str(text).encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{row.where()}: {field} is no valid text ({error.reason})") from None
