"""Detection of the JSON format of a file by its content, if its name only says that it is JSON."""

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
"""Format -> description of a file of this format, for display."""

FEW = 100
"""Number of lines that `sniff` reads."""
HEAD = 1 << 16
"""Number of characters that `sniff` examines."""


def sniff(path: Path, layout: FileLayout, usual: str) -> str:
    """Return `json`, `jsonl` or `squad` by the first lines of a file, or `usual` if they do not decide it."""
    try:
        lines = [line for _, line in islice(numbered_lines(path, layout), FEW) if line.strip()]
    except DataError:
        return usual  # reading the file reports the error
    first = lines[0].lstrip() if lines else ""
    several = len(lines) > 1 and _is_json(first)
    if first.startswith("["):
        return usual if several else "json"
    if not first.startswith("{"):
        return usual
    return "jsonl" if several else _of_object(lines, usual)


def _of_object(lines: list[str], usual: str) -> str:
    """Return the format of a file that consists of one object."""
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
    """Return whether an object on one line holds rows or columns, so that it is not itself a row."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return True
    return isinstance(values.get("data"), list) or all(isinstance(value, dict) for value in values.values())
