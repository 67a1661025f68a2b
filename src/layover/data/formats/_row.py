"""One row of a data set and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layover.data.tally import Reason
from layover.errors import DataError, nearest


@dataclass(frozen=True, slots=True)
class Row:
    """Values by column name, as the file has them: text from text formats, any JSON from the others."""

    values: Mapping[str, Any]
    path: str
    """Empty for a row that is in no file."""
    line: int
    """Line of the row's first item, or number of the row; counted from 1."""
    lines: tuple[int, ...] = ()
    """Line of each word, for formats that have one word per line."""
    advice: str = ""
    """What to do where a column is not there, for rows of which the format has a doubt."""

    def value(self, column: str) -> Any:
        """Return the value of a column; `choices.text` is the `text` of the object in the column `choices`.

        Raises:
            DataError: with file:line, when there is no such column.
        """
        if column in self.values:
            return self.values[column]
        found: Any = self.values
        for name in column.split("."):
            if not isinstance(found, Mapping) or name not in found:
                raise DataError(f"{self.where()}: there is no column {column!r}; {self._hint(column)}")
            found = found[name]
        return found

    def _hint(self, column: str) -> str:
        """Return the nearest column, and the advice where none is near."""
        near = nearest(column, self.values)
        if not self.advice or (len(self.values) > 1 and near.startswith("did you mean")):
            return near
        there = f"its only column is {next(iter(self.values))!r}" if len(self.values) == 1 else near
        return f"{there}; {self.advice}"

    def where(self, word: int | None = None) -> str:
        """Return `file:line` of the row, or of one of its words; `row 3` where there is no file."""
        if not self.path:
            return f"row {self.line}"
        return f"{self.path}:{self.lines[word] if word is not None and self.lines else self.line}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line, or a sentence, that a format reads and makes no row of; also a row that it keeps and has to tell of."""

    reason: Reason
    path: str
    line: int
