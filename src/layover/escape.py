"""Text of others made safe to show: on a terminal, in JSON, in Markdown, in CSV and in pictures.

Names, labels, texts and messages come from files, hubs and libraries. Each of them shows as it is, and means nothing to
the program that shows it. JSON keeps every value exactly.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unicodedata import category

from layover.errors import JOINERS, printable

_SPECIAL = re.compile(r"[\\`*\[\]<>~&$]|(?<![^\W_])_|_(?![^\W_])")
"""What has a meaning inside a line; `_` has none between two letters, and `|` is for a table to escape."""
_BLOCK = re.compile(r"^(\d*)([#+=-]|(?<=\d)[.)])")
"""Begins a heading, a list or a rule."""
_ADDRESS = re.compile(r"(?i)(?<=https)(?=:)|(?<=http)(?=:)|(?<=ftp)(?=:)|(?<=mailto)(?=:)|(?<=www)(?=\.)|(?=@)")
"""Where an address begins that a page makes a link without being asked to."""
_SPAN = re.compile(r"(?<!`)`([\w.:=,/@%+-]+(?: [\w.:=,/@%+-]+)*)`(?!`)")
"""Code of a message: plain characters between backticks."""
_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@\t\r\n＝＋－＠]")
"""Begins a formula in a spreadsheet."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Markup(str):
    """Markdown: a text whose special characters are meant."""

    __slots__ = ()


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """Return a value as JSON in one line, with escapes in place of all characters that a terminal obeys or hides.

    Args:
        value: Of plain data; finite numbers.
        sort_keys: By name, whatever their order.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    return (
        text
        if text.isprintable()
        else "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)
    )


def inline(text: str) -> Markup:
    """Return a text in one line of Markdown that shows it as it is, for a place inside a line or a table."""
    return Markup(_escaped(_one_line(text)))


def _escaped(line: str) -> str:
    return _ADDRESS.sub(r"\\", _SPECIAL.sub(r"\\\g<0>", line))


def plain(text: str) -> Markup:
    """Return a text in one line of Markdown that shows it as it is, for the beginning of a line."""
    return Markup(_BLOCK.sub(r"\1\\\2", inline(text)))


def bold(text: str) -> Markup:
    """Return a text in bold letters."""
    return Markup(f"**{plain(text)}**")


def code(text: str) -> Markup:
    """Return a text as code, between more backticks than stand in it."""
    line = _one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return Markup(f"{fence}{pad}{line}{pad}{fence}")


def note(text: str) -> Markup:
    """Return a message in one line of Markdown: what it holds between backticks is code, the rest shows as it is.

    Messages hold names of others, too. So only plain characters become code, which mean nothing more there.
    """
    parts = _SPAN.split(_one_line(text))
    return Markup("".join(code(part) if place % 2 else _escaped(part) for place, part in enumerate(parts)))


def markdown_table(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> Markup:
    """Return a Markdown table; a cell shows its text as it is, unless it is `Markup`."""
    rows = [[cell(text) for text in row] for row in (headers, *lines)]
    rows.insert(1, [Markup("---")] * len(headers))
    return Markup("\n".join(f"| {' | '.join(row)} |" for row in rows))


def cell(text: str) -> Markup:
    """Return a cell of a Markdown table that shows a text as it is, unless the text is `Markup`."""
    shown = text if isinstance(text, Markup) or not text else inline(text)
    return Markup(" ".join(shown.replace("|", "\\|").split("\n")))


def _one_line(text: str) -> str:
    """Return a text without line breaks, and without what is not seen: it might turn the direction of what follows."""
    kept = (
        " " if category(character) in {"Cc", "Cf", "Cs"} and character not in JOINERS else character
        for character in text
    )
    return " ".join("".join(kept).split()) or "(no name)"


def csv_value(value: object) -> str:
    """Return a cell of a CSV file: a text that a spreadsheet would run as a formula stands behind an apostrophe.

    Numbers stay numbers, line breaks and tabs stay, other characters that a terminal obeys or hides are escaped.

    Args:
        value: Text or number; None for an empty cell.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    text = "".join(part if part in "\n\t" else printable(part) for part in re.split(r"([\n\t])", value))
    formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if formula else text


@contextmanager
def drawn_plainly() -> Iterator[None]:
    """Let pictures of matplotlib show the dollars of names, which are no formulas."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False, "text.usetex": False}):
        yield


class Table(Protocol):
    """Takes the rows of a CSV file."""

    def __call__(self, row: Iterable[object]) -> None: ...


@contextmanager
def csv_file(path: Path) -> Iterator[Table]:
    """Give what writes the rows of a CSV file, each cell as `csv_value` returns it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        yield lambda row: writer.writerow([csv_value(value) for value in row])


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
