"""One row of a data set and its place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layover.data.tally import Reason
from layover.errors import DataError, nearest


@dataclass(frozen=True, slots=True)
class Row:
    """Values by column name, unchanged from the file: text from text formats, any JSON value from other formats."""

    values: Mapping[str, Any]
    path: str
    """Empty for a row that is in no file."""
    line: int
    """Line of the row's first item, or number of the row; counted from 1."""
    lines: tuple[int, ...] = ()
    """Line of each word, for formats with one word per line."""
    advice: str = ""
    """Advice for the message about a missing column, if the format suspects a wrong layout."""

    def value(self, column: str) -> Any:
        """Return the value of a column; `choices.text` is the `text` of the object in the column `choices`.

        Raises:
            DataError: with file:line, if the row has no such column.
        """
        if column in self.values:
            return self.values[column]
        value: Any = self.values
        for name in column.split("."):
            if not isinstance(value, Mapping) or name not in value:
                raise DataError(f"{self.where()}: there is no column {column!r}; {self._hint(column)}")
            value = value[name]
        return value

    def _hint(self, column: str) -> str:
        """Return the nearest column; if none is near, also the advice."""
        near = nearest(column, self.values)
        if not self.advice or (len(self.values) > 1 and near.startswith("did you mean")):
            return near
        columns = f"its only column is {next(iter(self.values))!r}" if len(self.values) == 1 else near
        return f"{columns}; {self.advice}"

    def where(self, word: int | None = None) -> str:
        """Return `file:line` of the row or of one of its words, or `row 3` without a file."""
        if not self.path:
            return f"row {self.line}"
        return f"{self.path}:{self.lines[word] if word is not None and self.lines else self.line}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line or a sentence that does not become a row; also a notice about a row that does."""

    reason: Reason
    path: str
    line: int
