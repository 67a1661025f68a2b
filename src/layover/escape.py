"""Escaping of third-party text for terminals, JSON, Markdown, CSV and figures.

Names, labels, texts and messages come from files, hubs and libraries. Each of them is shown as it is; no program
interprets it as markup or a command. JSON keeps every value exactly.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TextIO
from unicodedata import category

from layover.errors import JOINERS, printable

_SPECIAL = re.compile(r"[\\`*\[\]<>~&$]|(?<![^\W_])_|_(?![^\W_])")
"""Special characters inside a line; `_` is plain between two letters, and tables escape `|`."""
_BLOCK = re.compile(r"^(\d*)([#+=-]|(?<=\d)[.)])")
"""Start of a heading, a list or a rule."""
_ADDRESS = re.compile(r"(?i)(?<=https)(?=:)|(?<=http)(?=:)|(?<=ftp)(?=:)|(?<=mailto)(?=:)|(?<=www)(?=\.)|(?=@)")
"""Start of an address that a page turns into a link automatically."""
_SPAN = re.compile(r"(?<!`)`([\w.:=,/@%+-]+(?: [\w.:=,/@%+-]+)*)`(?!`)")
"""Code in a message: plain characters between backticks."""
_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@\t\r\n＝＋－＠]")
"""Start of a formula in a spreadsheet."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Markup(str):
    """Markdown text; its special characters are markup."""

    __slots__ = ()


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """Return a value as JSON in one line; control characters and invisible characters are escaped.

    Args:
        value: Plain data; numbers are finite.
        sort_keys: Whether keys are sorted by name.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    return (
        text
        if text.isprintable()
        else "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)
    )


def inline(text: str) -> Markup:
    """Return a text as one line of Markdown that shows it literally, for use inside a line or a table."""
    return Markup(_escaped(_one_line(text)))


def _escaped(line: str) -> str:
    return _ADDRESS.sub(r"\\", _SPECIAL.sub(r"\\\g<0>", line))


def plain(text: str) -> Markup:
    """Return a text as one line of Markdown that shows it literally, for the beginning of a line."""
    return Markup(_BLOCK.sub(r"\1\\\2", inline(text)))


def bold(text: str) -> Markup:
    """Return a text in bold letters."""
    return Markup(f"**{plain(text)}**")


def code(text: str) -> Markup:
    """Return a text as code, between more backticks than it contains."""
    line = _one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return Markup(f"{fence}{pad}{line}{pad}{fence}")


def note(text: str) -> Markup:
    """Return a message as one line of Markdown: text between backticks is code, the rest is shown literally.

    Messages contain third-party names too. So only plain characters become code; they have no special meaning there.
    """
    parts = _SPAN.split(_one_line(text))
    return Markup("".join(code(part) if place % 2 else _escaped(part) for place, part in enumerate(parts)))


def markdown_table(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> Markup:
    """Return a Markdown table; a cell shows its text literally, unless it is `Markup`."""
    rows = [[cell(text) for text in row] for row in (headers, *lines)]
    rows.insert(1, [Markup("---")] * len(headers))
    return Markup("\n".join(f"| {' | '.join(row)} |" for row in rows))


def cell(text: str) -> Markup:
    """Return a cell of a Markdown table that shows a text literally, unless the text is `Markup`."""
    return _in_table(text) if isinstance(text, Markup) or not text else _literal_cell(text)


@lru_cache(maxsize=10_000)  # names and rounded scores repeat in thousands of cells
def _literal_cell(text: str) -> Markup:
    return _in_table(inline(text))


def _in_table(text: str) -> Markup:
    return Markup(" ".join(text.replace("|", "\\|").split("\n")))


def _one_line(text: str) -> str:
    """Return a text without line breaks and invisible characters, which could reverse the direction of later text."""
    kept = (
        " " if category(character) in {"Cc", "Cf", "Cs"} and character not in JOINERS else character
        for character in text
    )
    return " ".join("".join(kept).split()) or "(no name)"


def csv_value(value: object) -> str:
    """Return a cell of a CSV file; a text that a spreadsheet would run as a formula starts with an apostrophe.

    Numbers, line breaks and tabs stay; other control characters and invisible characters are escaped.

    Args:
        value: Text or number; None for an empty cell.
    """
    if value is None:
        return ""
    return _csv_text(value) if isinstance(value, str) else repr(value)


@lru_cache(maxsize=10_000)  # names repeat in thousands of lines
def _csv_text(value: str) -> str:
    if value.isalnum() or _NUMBER.fullmatch(value):
        return value
    text = "".join(part if part in "\n\t" else printable(part) for part in re.split(r"([\n\t])", value))
    formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if formula else text


@contextmanager
def drawn_plainly() -> Iterator[None]:
    """Make matplotlib show dollar signs in names as text, not as formulas."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False, "text.usetex": False}):
        yield


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    "]": "{]}",
    "–": "--",
    "±": r"$\pm$",
    "…": r"\dots{}",
}


def latex(text: str) -> str:
    """Return a text as one line of LaTeX that shows it literally."""
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


class Table(Protocol):
    """Function that writes one row of a CSV file."""

    def __call__(self, row: Iterable[object]) -> None: ...


@contextmanager
def csv_file(path: Path) -> Iterator[Table]:
    """Yield the function that writes rows of a CSV file; `csv_value` converts each cell."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        yield csv_table(stream)


def csv_table(stream: TextIO) -> Table:
    """Return the function that writes rows of CSV to a stream; each cell is as `csv_value` returns it."""
    writer = csv.writer(stream, lineterminator="\n")  # it converts numbers and None itself
    return lambda row: writer.writerow([_csv_text(value) if isinstance(value, str) else value for value in row])


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
