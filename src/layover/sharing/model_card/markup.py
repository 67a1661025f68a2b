"""Text of others in Markdown: names that a user chose show as they are, and mean nothing to a page."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\`*\[\]<>~&$]|(?<![^\W_])_|_(?![^\W_])")
"""What has a meaning inside a line; `_` has none between two letters, and `|` is for a table to escape."""
_BLOCK = re.compile(r"^(\d*)([#+=-]|(?<=\d)[.)])")
"""Begins a heading, a list or a rule."""
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
"""White space, control characters, and marks that turn the direction of what follows."""


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
    return _UNSEEN.sub(" ", text).strip() or "(no name)"
