"""One word with its columns per line, an empty line after each sentence: CoNLL, PAN-X, UD-POS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from layover.data.formats._comments import Comments, columns_of, comment_advice, is_blank
from layover.data.formats._files import TEXT, numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.formats._table import separator_advice
from layover.data.tally import DOCSTART
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per sentence: each column is the list of its words' values.

    `header` names the columns; without it they are "0", "1", ... `-DOCSTART-` lines separate sentences; comments are
    skipped (see `Comments`).

    Raises:
        DataError: the number of columns of a line differs, or the line may be a comment.
    """
    return sentences(path, numbered_lines(path, layout), layout)


def sentences(path: Path, numbered: Iterable[tuple[int, str]], layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield the rows of the numbered lines of a file; see `read`."""
    comments = Comments(path, layout)
    names: tuple[str, ...] = ()
    first, other = (0, ""), ""
    words: list[list[str]] = []
    lines: list[int] = []
    for number, line in numbered:
        docstart = line.startswith("-DOCSTART-")
        if docstart or is_blank(line):
            if words:
                yield _sentence(path, names, words, lines, other)
                words, lines = [], []
            if docstart:
                yield Skipped(DOCSTART, str(path), number)
            continue
        if comments.holds(number, line, before_words=not words):
            yield Skipped(comments.reason(line), str(path), number)
            continue
        values = columns_of(line, layout)
        if not names:
            names, first = _names(path, number, line, values, layout), (number, line)
            other = _other_separator(values, layout)
        if len(values) != len(names):
            raise DataError(
                f"{path}:{number}: the line has {len(values)} columns ({line[:60]!r}), but {len(names)} are needed "
                f"({', '.join(names)}), {_separation(layout)}" + comment_advice(path, (first, (number, line)), layout)
            )
        words.append(values)
        lines.append(number)
    if words:
        yield _sentence(path, names, words, lines, other)


def _separation(layout: FileLayout) -> str:
    return f"separated by {layout.separator or 'tab'}"


def _other_separator(values: list[str], layout: FileLayout, before: str = "") -> str:
    """Return advice on the probable `separator` of a first line with one column, or an empty text."""
    advice = separator_advice(values, layout.delimiter())
    if layout.delimiter() and len(values) == 1 and len(values[0].split()) > 1:
        advice = "if spaces separate the columns, declare `separator: whitespace`"
    return f"{before}{advice}" if advice else ""


def _names(path: Path, number: int, line: str, values: list[str], layout: FileLayout) -> tuple[str, ...]:
    if layout.header is None:
        return tuple(str(index) for index in range(len(values)))
    if len(layout.header) - layout.optional <= len(values) <= len(layout.header):
        return layout.header[: len(values)]
    raise DataError(
        f"{path}:{number}: the line has {len(values)} columns, but {len(layout.header)} are declared "
        f"({', '.join(layout.header)}), {_separation(layout)}"
        + (comment_advice(path, ((number, line),), layout) or _other_separator(values, layout, before="; "))
    )


def _sentence(path: Path, names: tuple[str, ...], words: list[list[str]], lines: list[int], advice: str) -> Row:
    columns = dict(zip(names, map(list, zip(*words, strict=True)), strict=True))
    return Row(columns, str(path), lines[0], tuple(lines), advice)


FORMAT = read
READS = TEXT | {"header", "separator", "comments"}
