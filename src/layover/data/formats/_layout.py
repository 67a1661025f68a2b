"""How a file is written down."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

AUTO = "auto"
"""The format that a file's extension names."""


class Layout(BaseModel):
    """The settings that decide how a file's bytes become rows; all of it is part of the data's identity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    """File name in `data/formats/`, or `auto` until the file is known."""
    header: tuple[str, ...] | None = None
    """Names of the columns, for csv, tsv and conll files that do not name them in their first line."""
    optional: int = 0
    """So many of the last columns of `header` may be missing, then from every row (blind test files)."""
    quoting: bool = True
    """csv and tsv: double quotes wrap a value that has a separator in it; otherwise they are text."""
    separator: Literal["tab", "whitespace"] = "tab"
    """conll: what stands between the columns."""
    errors: Literal["strict", "replace"] = "strict"
    """What happens to bytes that are not UTF-8; `replace` only for files known to be damaged."""
    multiline: bool | None = None
    """csv and tsv: whether a quoted value may run over lines. Where it is not given, it may not in tsv, and in csv it
    may unless one of its lines looks like a row."""
    comments: str | None = None
    """conll: what a comment line begins with, empty text where there are none; by their shape where not given."""

    def identity(self) -> dict[str, Any]:
        """Return what decides the rows; a setting that came later stands in it only where it is given."""
        later = {name for name in ("multiline", "comments") if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=later)
