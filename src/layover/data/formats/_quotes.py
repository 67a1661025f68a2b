"""Quoted values that run over several lines of a table: meant so, or rows that two stray quotes swallowed.

A stray quote at the beginning of a value and another at the end of a later one make one value of all lines between.
Without the quotes these lines are rows of their own, whose values are like those of the other rows: then the file is
refused, until it says which of the two is meant.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from layover.data.formats._files import open_text
from layover.data.formats._layout import Layout
from layover.errors import DataError

FEW = 50
"""A column with so many different values at most may be one of labels ..."""
TIMES_EACH = 5
"""... if each of them stands so many times on average."""


@dataclass
class _Column:
    """What the values of one column are like."""

    rows: int = 0
    seen: set[str] = field(default_factory=set)
    """Up to a few more than `FEW` of them."""
    spaced: bool = False
    """Whether a value begins with a space, as after the commas of a text."""
    numbers: bool = True
    """Whether all are digits."""

    def add(self, value: str) -> None:
        self.rows += 1
        if len(self.seen) <= FEW:
            self.seen.add(value)
        self.spaced = self.spaced or value.startswith(" ")
        self.numbers = self.numbers and value.isdigit()

    def like(self, value: str) -> bool:
        """Return whether a value could stand in this column."""
        if value in self.seen:
            return True
        if len(self.seen) <= FEW and self.rows >= TIMES_EACH * len(self.seen):
            return False  # a column of labels, and this is none
        if self.numbers and self.rows and not value.isdigit():
            return False
        return self.spaced or not value.startswith(" ")


class Lines:
    """Judges the records of one file that stand on several lines.

    Args:
        path: The file.
        layout: `multiline` says that values may run over lines, or that none does.
        delimiter: Between values.
    """

    def __init__(self, path: Path, layout: Layout, delimiter: str) -> None:
        self._path = path
        self._layout = layout
        self._delimiter = delimiter
        self._doubted: list[tuple[int, int, list[str]]] = []

    def see(self, first: int, last: int, record: list[str]) -> None:
        """Take a record that stands on the lines `first` to `last`.

        Raises:
            DataError: values do not run over lines in such a file.
        """
        if self._layout.multiline:
            return
        if self._layout.multiline is False or self._delimiter == "\t":
            raise self.refused(first, last, "")
        self._doubted.append((first, last, record))

    def judge(self) -> None:
        """Look at the doubtful records, when all rows are known.

        Raises:
            DataError: the lines of one are rows of their own.
        """
        wanted = {first: (first, last, record) for first, last, record in self._doubted if self._looks(record)}
        if not wanted or self._all_quoted():
            return
        columns, raw = self._columns(), self._raw(wanted)
        for first, last, record in wanted.values():
            rows = [line.split(self._delimiter) for line in raw[first]]
            inside = [index for index, value in enumerate(record) if "\n" in value]
            if all(self._is_row(row, len(record), inside, columns) for row in rows):
                raise self.refused(first, last, ", and each of these lines is like a row of its own")

    def _looks(self, record: Sequence[str]) -> bool:
        """Return whether a record has as many delimiters in it as the rows it may have swallowed."""
        lines = self._delimiter.join(record).replace("\r\n", "\n").split("\n")
        return all(line.count(self._delimiter) == len(record) - 1 and line for line in lines)

    def _is_row(self, values: Sequence[str], width: int, inside: Sequence[int], columns: Sequence[_Column]) -> bool:
        others = (index for index in range(width) if index not in inside)
        return len(values) == width and all(columns[index].like(values[index].strip('"\r')) for index in others)

    def _all_quoted(self) -> bool:
        """Return whether the first record has all of its values in quotes, as one writes who quotes everything."""
        with open_text(self._path, self._layout.errors) as stream:
            line = stream.readline().rstrip("\r\n")
        try:
            values = next(csv.reader([line], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return False
        return line == self._delimiter.join('"' + value.replace('"', '""') + '"' for value in values)

    def _columns(self) -> list[_Column]:
        """Return what the columns hold, in all rows; a value on several lines is left out."""
        columns: list[_Column] = []
        header = self._layout.header is None
        for record in self._records():
            if header or not record:
                header = False
                continue
            columns = columns or [_Column() for _ in record]
            for column, value in zip(columns, record, strict=False):
                if "\n" not in value:
                    column.add(value)
        return columns

    def _raw(self, doubted: dict[int, tuple[int, int, list[str]]]) -> dict[int, list[str]]:
        """Return the lines of the doubtful records, as they stand in the file."""
        starts = {line: first for first, last, _ in doubted.values() for line in range(first, last + 1)}
        found: dict[int, list[str]] = {first: [] for first in doubted}
        with open_text(self._path, self._layout.errors) as stream:
            for number, line in enumerate(stream, 1):
                if number in starts:
                    found[starts[number]].append(line.rstrip("\r\n"))
        return found

    def _records(self) -> Iterator[list[str]]:
        with open_text(self._path, self._layout.errors) as stream:
            yield from csv.reader(stream, delimiter=self._delimiter, strict=True)

    def refused(self, first: int, last: int, why: str) -> DataError:
        """Return the error about a value on the lines `first` to `last`."""
        return DataError(
            f"{self._path}:{first}: a quoted value runs over the lines {first} to {last}{why}; if the quotes are "
            "plain text declare `quoting: false`, if the value does run over lines `multiline: true`"
        )
