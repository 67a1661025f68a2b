"""One row of a data set and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """Values by column name, as the file has them: text from text formats, any JSON from the others."""

    values: Mapping[str, Any]
    path: str
    line: int
    """Line of the row's first item, or number of the row; counted from 1."""
    lines: tuple[int, ...] = ()
    """Line of each word, for formats that have one word per line."""

    def where(self, word: int | None = None) -> str:
        """Return `file:line` of the row, or of one of its words."""
        return f"{self.path}:{self.lines[word] if word is not None and self.lines else self.line}"
