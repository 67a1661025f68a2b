"""The layout of a file: format, header, separator, quotes, encoding."""

from __future__ import annotations

import codecs
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

AUTO = "auto"
"""The format that a file's extension names; its content decides if the extension is ambiguous."""

CHARACTERS = {"tab": "\t", "comma": ",", "semicolon": ";"}
"""Separators by name; others are written as the character itself; `whitespace` means a run of spaces and tabs."""

_USUAL = {"csv": ",", "tsv": "\t"}


class FileLayout(BaseModel):
    """The settings that decide how a file's bytes become rows; all of them are part of the data's identity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    """File name in `data/formats/`, or `auto` until the file is known."""
    header: tuple[str, ...] | None = None
    """Names of the columns, for csv, tsv and conll files without a header line."""
    optional: int = 0
    """Number of last columns of `header` that all rows of a file may lack (blind test files)."""
    quoting: bool = True
    """csv and tsv: True: double quotes enclose values with separators; False: double quotes are text."""
    separator: str | None = None
    """csv, tsv and conll: separator of the columns: `tab`, `comma`, `semicolon`, or one character; for conll also
    `whitespace`. Default: a comma for csv, a tab for tsv and conll."""
    errors: Literal["strict", "replace"] = "strict"
    """Treatment of bytes that are invalid in the encoding; `replace` only for damaged files."""
    multiline: bool | None = None
    """csv and tsv: whether a quoted value may run over several lines. If None: in tsv it may not; in csv it may, unless
    one of its lines looks like a row."""
    comments: str | None = None
    """conll: prefix of comment lines; empty if the file has no comments. If None, their form decides."""
    encoding: str | None = None
    """Encoding of the text, by its Python name; UTF-8 if None. A byte order mark at the beginning is removed."""
    plain: bool = False
    """conllu: True: all ten columns, words unchanged; False: only `form` and `upos`, as in XTREME."""

    def delimiter(self) -> str:
        """Return the character between two values of a csv, tsv or conll file; empty for `whitespace`."""
        if self.separator is None:
            return _USUAL.get(self.format, "\t")
        return "" if self.separator == "whitespace" else CHARACTERS.get(self.separator, self.separator)

    def identity(self) -> dict[str, Any]:
        """Return the identity of the layout; newer settings are part of it only if they differ from the default."""
        usual: dict[str, object] = {"multiline": None, "comments": None, "encoding": None, "plain": False}
        values = self.model_dump(mode="json")
        kept = {name: value for name, value in values.items() if name not in usual or value != usual[name]}
        # older identities always name `tab` or `whitespace`, because tables had no `separator`
        character = self.delimiter()
        named = "tab" if character == _USUAL.get(self.format, "\t") else character or "whitespace"
        if self.format != "conllu":
            kept.pop("plain", None)
        if self.encoding is not None:
            kept["encoding"] = codecs.lookup(self.encoding).name
        return {**kept, "separator": named}
