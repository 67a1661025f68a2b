"""Which of the formats of JSON a file has whose name says no more than that it is JSON."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from layover.data.formats._files import numbered_lines
from layover.data.formats._layout import FileLayout
from layover.errors import DataError

WORDS = {
    "json": "it is one JSON list of objects",
    "jsonl": "it has a JSON object on each line",
    "squad": "it is one JSON object",
}
"""Format -> what a file of it is, for people."""

FEW = 100
"""Lines that are looked at."""
HEAD = 1 << 16
"""Characters that are looked at."""


def sniff(path: Path, layout: FileLayout, usual: str) -> str:
    """Return `json`, `jsonl` or `squad` by the first lines of a file, `usual` where they do not tell."""
    try:
        lines = [line for _, line in islice(numbered_lines(path, layout), FEW) if line.strip()]
    except DataError:
        return usual  # told when it is read
    first = lines[0].lstrip() if lines else ""
    several = len(lines) > 1 and _is_json(first)
    if first.startswith("["):
        return usual if several else "json"
    if not first.startswith("{"):
        return usual
    return "jsonl" if several else _of_object(lines, usual)


def _of_object(lines: list[str], usual: str) -> str:
    """Return the format of a file that begins with an object, which is all of it."""
    head = "\n".join(lines)[:HEAD]
    if '"paragraphs"' in head:
        return "squad"
    if len(lines) == 1 and len(lines[0]) < HEAD and not _is_wrapped(lines[0]):
        return "jsonl"
    return "json" if '"data"' in head or (len(lines) == 1 and head.strip(" {}")) else usual


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_wrapped(line: str) -> bool:
    """Return whether an object on one line holds rows, or columns, and is no row."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return True
    return isinstance(values.get("data"), list) or all(isinstance(value, dict) for value in values.values())
