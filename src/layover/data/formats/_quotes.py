"""Quoted values that run over several lines of a table: intended, or rows that two stray quotes enclose.

A stray quote at the beginning of a value and another one at the end of a later value make all lines between them one
value. Then a line within the value ends like a row, `...,pos`, or begins like a row. A file with such lines is refused
until the recipe declares which case it is. A file with quotes around every value has no stray quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from layover.data.formats._files import open_text
from layover.data.formats._layout import FileLayout
from layover.errors import DataError

FEW = 50
"""Most different values of a column that may hold labels."""
TIMES_EACH = 5
"""Fewest occurrences of each value, on average, in a column that may hold labels."""


@dataclass
class _Column:
    """Properties of the values of one column."""

    rows: int = 0
    seen: set[str] = field(default_factory=set)
    """The different values, at most `FEW` + 1 of them."""
    spaced: bool = False
    """Whether a value begins with a space, as after a comma within a text."""
    numbers: bool = True
    """Whether all values are digits."""

    def add(self, value: str) -> None:
        self.rows += 1
        if len(self.seen) <= FEW:
            self.seen.add(value)
        self.spaced = self.spaced or value.startswith(" ")
        self.numbers = self.numbers and value.isdigit()

    def like(self, value: str) -> bool:
        """Return whether a value could be in this column."""
        if value in self.seen:
            return True
        if len(self.seen) <= FEW and self.rows >= TIMES_EACH * len(self.seen):
            return False  # the column holds labels, and this value is not one of them
        if self.numbers and self.rows and not value.isdigit():
            return False
        return self.spaced or not value.startswith(" ")


def rows_like(rows: Sequence[Sequence[str]], record: Sequence[str], columns: Sequence[_Column]) -> Iterator[bool]:
    """Yield for each line whether it could be a row; the first and the last line must have all values."""
    outside = [index for index, value in enumerate(record) if "\n" not in value]
    for number, row in enumerate(rows):
        between = 0 < number < len(rows) - 1
        yield len(row) == len(record) and all(
            (between and row[index] == "") or columns[index].like(_bare(row[index])) for index in outside
        )


def known_values(rows: Sequence[Sequence[str]], record: Sequence[str], columns: Sequence[_Column]) -> str:
    """Return a value of a line within the quotes that also occurs in the same column of the file; empty if absent.

    Values before the quotes on the first line, and after the quotes on the last line, do not count.
    """
    inside = [index for index, value in enumerate(record) if "\n" in value]
    for number, row in enumerate(rows):
        if len(row) != len(record):
            continue
        for index, column in enumerate(columns):
            before, after = index < inside[0], index > inside[-1]
            if (before and number > 0) or (after and number < len(rows) - 1):
                value = _bare(row[index])
                if value and value in column.seen:
                    return value
    return ""


def _bare(value: str) -> str:
    return value.strip('"\r')


def _kept(stream: Iterable[str], lines: list[str]) -> Iterator[str]:
    """Yield the lines of a stream and append each line to a list."""
    for line in stream:
        lines.append(line)
        yield line


class Lines:
    """Checks the records of one file that run over several lines.

    Args:
        path: The file.
        layout: `multiline` declares whether values may run over lines.
        delimiter: The character between values.
    """

    def __init__(self, path: Path, layout: FileLayout, delimiter: str) -> None:
        self._path = path
        self._layout = layout
        self._delimiter = delimiter
        self._doubted: list[tuple[int, int, list[str]]] = []

    def see(self, first: int, last: int, record: list[str]) -> None:
        """Store a record on the lines `first` to `last` for `judge`.

        Raises:
            DataError: values of this file may not run over lines.
        """
        if self._layout.multiline:
            return
        if self._layout.multiline is False or self._delimiter == "\t":
            raise self.refused(first, last, "")
        self._doubted.append((first, last, record))

    def judge(self) -> None:
        """Check the stored records after all rows were read.

        Raises:
            DataError: the lines of a record are probably separate rows.
        """
        wanted = {first: (first, last, record) for first, last, record in self._doubted if self._may_hold_rows(record)}
        if not wanted or self._all_quoted():
            return
        columns, raw = self._columns(), self._raw(wanted)
        for first, last, record in wanted.values():
            rows = [line.split(self._delimiter) for line in raw[first]]
            if all(rows_like(rows, record, columns)):
                raise self.refused(first, last, ", and each of these lines looks like a separate row")
            known = known_values(rows, record, columns)
            if known:
                raise self.refused(first, last, f", and one of these lines has {known!r} in the same column as rows")

    def _may_hold_rows(self, record: Sequence[str]) -> bool:
        """Return whether a line of a record has the number of delimiters of a row."""
        lines = self._delimiter.join(record).split("\n")
        return any(line.count(self._delimiter) == len(record) - 1 for line in lines)

    def _all_quoted(self) -> bool:
        """Return whether every value below the header is quoted or empty, as programs that quote all values write."""
        value = r'(?:"[^"]*(?:""[^"]*)*")?'
        quoted = re.compile(rf"{value}(?:{re.escape(self._delimiter)}{value})*\r?\n?")
        header = self._layout.header is None
        lines: list[str] = []
        with open_text(self._path, self._layout) as stream:
            for _ in csv.reader(_kept(stream, lines), delimiter=self._delimiter, strict=True):
                if not header and quoted.fullmatch("".join(lines)) is None:
                    return False
                header = False
                lines.clear()
        return True

    def _columns(self) -> list[_Column]:
        """Return the properties of the columns in all rows, without values on several lines."""
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
        """Return first line number -> the unparsed lines of each stored record."""
        starts = {line: first for first, last, _ in doubted.values() for line in range(first, last + 1)}
        raw: dict[int, list[str]] = {first: [] for first in doubted}
        with open_text(self._path, self._layout) as stream:
            for number, line in enumerate(stream, 1):
                if number in starts:
                    raw[starts[number]].append(line.rstrip("\r\n"))
        return raw

    def _records(self) -> Iterator[list[str]]:
        with open_text(self._path, self._layout) as stream:
            yield from csv.reader(stream, delimiter=self._delimiter, strict=True)

    def refused(self, first: int, last: int, why: str) -> DataError:
        """Return the error about a value on the lines `first` to `last`."""
        return DataError(
            f"{self._path}:{first}: a quoted value runs over the lines {first} to {last}{why}; declare "
            "`quoting: false` if the quotes are plain text, or `multiline: true` if the value has several lines"
        )
