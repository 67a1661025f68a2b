"""Text of others in Markdown: names that a user chose show as they are, and mean nothing to a page."""

from __future__ import annotations

import re
from unicodedata import category

_SPECIAL = re.compile(r"[\\`*\[\]<>~&$]|(?<![^\W_])_|_(?![^\W_])")
"""What has a meaning inside a line; `_` has none between two letters, and `|` is for a table to escape."""
_BLOCK = re.compile(r"^(\d*)([#+=-]|(?<=\d)[.)])")
"""Begins a heading, a list or a rule."""
_JOINERS = "\u200c\u200d"
"""Unseen, and part of words: they decide how Persian letters and emoji are joined."""


def plain(text: str) -> str:
    """Return a text in one line of Markdown that shows it as it is."""
    escaped = _SPECIAL.sub(r"\\\g<0>", _one_line(text))
    return _BLOCK.sub(r"\1\\\2", escaped)


def bold(text: str) -> str:
    """Return a text in bold letters."""
    return f"**{plain(text)}**"


def code(text: str) -> str:
    """Return a text as code, between more backticks than stand in it."""
    line = _one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _one_line(text: str) -> str:
    """Return a text without line breaks, and without what is not seen: it might turn the direction of what follows."""
    kept = (" " if category(one) in {"Cc", "Cf"} and one not in _JOINERS else one for one in text)
    return " ".join("".join(kept).split()) or "(no name)"
