"""How a file is written down."""

from __future__ import annotations

import codecs
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

AUTO = "auto"
"""The format that a file's extension names, or its content where the name leaves it open."""

CHARACTERS = {"tab": "\t", "comma": ",", "semicolon": ";"}
"""Separators by name; every other one is the character itself, and `whitespace` is spaces and tabs in a row."""

_USUAL = {"csv": ",", "tsv": "\t"}


class FileLayout(BaseModel):
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
    separator: str | None = None
    """csv, tsv and conll: what stands between the columns: `tab`, `comma`, `semicolon`, a character; for conll also
    `whitespace`. The format's own when not given: a comma, a tab, a tab."""
    errors: Literal["strict", "replace"] = "strict"
    """What happens to bytes that are not in the encoding; `replace` only for files known to be damaged."""
    multiline: bool | None = None
    """csv and tsv: whether a quoted value may run over lines. Where it is not given, it may not in tsv, and in csv it
    may unless one of its lines looks like a row."""
    comments: str | None = None
    """conll: what a comment line begins with, empty text where there are none; by their shape where not given."""
    encoding: str | None = None
    """Of the text, as Python names it; UTF-8 when not given. A byte order mark at the beginning is no text."""
    plain: bool = False
    """conllu: all ten columns, and words as they are; otherwise `form` and `upos` alone, as XTREME takes them."""

    def delimiter(self) -> str:
        """Return the character between two values of a csv, tsv or conll file; empty text for whitespace."""
        if self.separator is None:
            return _USUAL.get(self.format, "\t")
        return "" if self.separator == "whitespace" else CHARACTERS.get(self.separator, self.separator)

    def identity(self) -> dict[str, Any]:
        """Return what decides the rows; a setting that came later stands in it only where it is given."""
        usual: dict[str, object] = {"multiline": None, "comments": None, "encoding": None, "plain": False}
        values = self.model_dump(mode="json")
        kept = {name: value for name, value in values.items() if name not in usual or value != usual[name]}
        # before tables could have another one, it was `tab` or `whitespace`, and meant nothing to a table
        character = self.delimiter()
        named = "tab" if character == _USUAL.get(self.format, "\t") else character or "whitespace"
        if self.format != "conllu":
            kept.pop("plain", None)
        if self.encoding is not None:
            kept["encoding"] = codecs.lookup(self.encoding).name
        return {**kept, "separator": named}
