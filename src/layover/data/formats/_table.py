"""Common code of csv and tsv: a header line or declared names, rows of equal width."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from layover.data.formats._files import TEXT, lines_of, numbered_lines, open_text
from layover.data.formats._layout import FileLayout
from layover.data.formats._quotes import Lines
from layover.data.formats._row import Row, Skipped
from layover.data.tally import RUNS_OVER
from layover.errors import DataError

csv.field_size_limit(2**31 - 1)  # the library's default refuses values of more than 131,072 characters


TABLE = TEXT | {"header", "quoting", "multiline", "separator"}
"""The settings of a layout that a recipe may change for a table."""


def read_table(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per record, and a notice for each undeclared record on several lines; skip empty last lines.

    Raises:
        DataError: the number of values differs from the number of names, a name is repeated, a quote is not closed, or
            a value runs over lines that are probably separate rows (see `Lines`).
    """
    delimiter = layout.delimiter()
    read = _quoted if layout.quoting else _plain
    names: tuple[str, ...] = ()
    advice = ""
    empty = 0
    lines = Lines(path, layout, delimiter)
    for number, last, record in read(path, layout, delimiter):
        if not record:
            empty = empty or number
            continue
        if empty:
            raise DataError(f"{path}:{empty}: an empty line between rows; remove it")
        if not names:
            names = _names(path, number, record, layout)
            advice = separator_advice(record, delimiter)
            if layout.header is None:
                advice = advice or "if the first line is a row, declare the names of the columns with `header`"
                if last > number and not layout.multiline:
                    raise lines.refused(number, last, ", but the header must be one line")
                continue
        if len(record) != len(names):
            raise _wrong_width(path, number, record, names, layout)
        if last > number:
            lines.see(number, last, record)
            if not layout.multiline:
                yield Skipped(RUNS_OVER, str(path), number)
        yield Row(dict(zip(names, record, strict=True)), str(path), number, advice=advice)
    lines.judge()


_SEPARATORS = {"\t": "tab", ";": ";", "|": "|", ",": ","}


def separator_advice(record: list[str], delimiter: str) -> str:
    """Return advice on the probable `separator` of a line without delimiters, or an empty text."""
    for character, written in _SEPARATORS.items() if len(record) == 1 else ():
        if character != delimiter and character in record[0]:
            return f'if the values are separated by {character!r}, declare `separator: "{written}"`'
    return ""


Records = Iterator[tuple[int, int, list[str]]]
"""The first and the last line of a record, and its values."""


def _plain(path: Path, layout: FileLayout, delimiter: str) -> Records:
    for number, line in numbered_lines(path, layout):
        yield number, number, line.split(delimiter) if line else []


def _quoted(path: Path, layout: FileLayout, delimiter: str) -> Records:
    with open_text(path, layout) as stream:
        reader = csv.reader(lines_of(stream, path), delimiter=delimiter, strict=True)
        number = 1
        try:
            for record in reader:
                yield number, reader.line_num, record
                number = reader.line_num + 1
        except csv.Error as error:
            if "new-line" in str(error):
                raise DataError(
                    f"{path}:{number}: the row has CR (a carriage return) alone; save the file with LF or CRLF"
                ) from error
            advice = "if its quotes are plain text, declare `quoting: false`"
            raise DataError(f"{path}:{number}: {error}; {advice}") from error


def _names(path: Path, number: int, first: list[str], layout: FileLayout) -> tuple[str, ...]:
    """Return the columns of a file: its first line, or as many declared names as its first row has values."""
    if layout.header is not None:
        if len(layout.header) - layout.optional <= len(first) < len(layout.header):
            return layout.header[: len(first)]
        return layout.header
    twice = [name for name, count in Counter(first).items() if count > 1]
    if twice:
        raise DataError(f"{path}:{number}: the header names {twice[0]!r} twice; rename one")
    return tuple(first)


def _wrong_width(path: Path, number: int, record: list[str], names: tuple[str, ...], layout: FileLayout) -> DataError:
    plain = ", or declare `quoting: false` if its quotes are plain text" if layout.quoting else ""
    advice = separator_advice(record if len(record) == 1 else list(names), layout.delimiter())
    advice = advice or f"correct the row{plain}"
    return DataError(
        f"{path}:{number}: the row has {len(record)} values, but there are {len(names)} columns ({', '.join(names)}); "
        f"{advice}"
    )
