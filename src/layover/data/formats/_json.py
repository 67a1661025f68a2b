"""Decoding for the JSON formats; refuses repeated keys and half characters, which Python's `json` accepts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from layover.data.formats._files import open_text
from layover.data.formats._layout import FileLayout
from layover.errors import DataError

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in a string; `half` is one escape of a character that needs two."""


def read_json(path: Path, layout: FileLayout) -> Any:
    """Return the JSON document of a file.

    Raises:
        DataError: the file is empty or unreadable; also every error of `decoded`.
    """
    with open_text(path, layout) as stream:
        text = stream.read()
    if not text.strip():
        raise DataError(f"{path}: the file is empty; name a file with JSON")
    try:
        return decoded(text, path)
    except DataError as error:
        lines = text.split("\n", 2)
        if len(lines) > 1 and lines[1].strip().startswith("{") and _ends(lines[0]) == "}":
            raise DataError(f"{error}; for an object on each line, declare `format: jsonl`") from error
        raise


def _ends(line: str) -> str:
    """Return `}` if a line is a complete JSON object, else an empty text."""
    try:
        return "}" if isinstance(json.loads(line), dict) else ""
    except (ValueError, RecursionError):
        return ""


def decoded(text: str, path: Path | str, line: int = 1) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The complete text.
        path: Its file, or a description if the text is in no file.
        line: The line of the file on which the text begins.

    Raises:
        DataError: with file:line, if the text is not JSON, has numbers or nesting beyond Python's limits, has an object
            with a repeated key (`json` would keep the last value), or has half a character.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _value in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{place}: one object has the key {twice!r} twice; remove one")
        return values

    one_line = "\n" not in text.rstrip()
    place = _at(path, line) if one_line else f"{path}"
    _check_escapes(text, path, line)
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DataError(f"{_at(path, line + error.lineno - 1)}: not JSON ({error})") from error
    except ValueError as error:
        raise DataError(f"{place}: a number has too many digits; write it as text, in quotes") from error
    except RecursionError as error:
        raise DataError(f"{place}: lists or objects are nested too deeply; use fewer levels") from error


def _at(path: Path | str, line: int) -> str:
    return f"{path}:{line}" if isinstance(path, Path) else path


def _check_escapes(text: str, path: Path | str, line: int) -> None:
    if "\\ud" not in text and "\\uD" not in text:
        return
    for match in _ESCAPE.finditer(text):
        if match["half"]:
            where = _at(path, line + text.count("\n", 0, match.start()))
            raise DataError(
                f"{where}: {match[0]} is half a character (one surrogate of a pair); write the whole character, or "
                "remove it"
            )
