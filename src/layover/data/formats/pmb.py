"""Layers of the Parallel Meaning Bank: one word with seven columns per line, comments above the sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from layover.data.formats._files import numbered_lines
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row, Skipped
from layover.data.formats.conll import sentences
from layover.data.tally import COMMENT

COLUMNS = ("token", "tok", "sym", "sem", "cat", "sns", "rol")
COMMENTS = ("# ", "### ")  # after the word "#" is a tab


def read(path: Path, layout: FileLayout) -> Iterator[Row | Skipped]:
    """Yield one row per sentence: each of the seven columns is the list of its words' values.

    One token of the bank may be several words, joined by `~`; in `token` spaces replace `~`, as in ordinary text.

    Raises:
        DataError: a line has more or fewer columns.
    """
    skipped: list[Skipped] = []

    def words() -> Iterator[tuple[int, str]]:
        for number, line in numbered_lines(path, layout):
            if line.startswith(COMMENTS):
                skipped.append(Skipped(COMMENT, str(path), number))
            else:
                yield number, line

    for row in sentences(path, words(), layout.model_copy(update={"header": COLUMNS, "comments": ""})):
        if isinstance(row, Skipped):
            yield row
            continue
        yield replace(row, values={**row.values, "token": [word.replace("~", " ") for word in row.values["token"]]})
    yield from skipped


FORMAT = read
READS: frozenset[str] = frozenset()
