"""What formats of JSON share: decoding it, without losing what stands twice or passing on what is no text."""

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
"""An escape in a string; `half` is half of a character that takes two of them."""


def read_json(path: Path, layout: FileLayout) -> Any:
    """Return the document of a file.

    Raises:
        DataError: whatever `decoded` raises.
    """
    with open_text(path, layout) as stream:
        text = stream.read()
    if not text.strip():
        raise DataError(f"{path}: empty, so there is no JSON in it")
    try:
        return decoded(text, path)
    except DataError as error:
        lines = text.split("\n", 2)
        if len(lines) > 1 and lines[1].strip().startswith("{") and _ends(lines[0]) == "}":
            raise DataError(f"{error}; an object on each line is `format: jsonl`") from error
        raise


def _ends(line: str) -> str:
    """Return the last character of a line that is an object of its own."""
    try:
        return "}" if isinstance(json.loads(line), dict) else ""
    except (ValueError, RecursionError):
        return ""


def decoded(text: str, path: Path | str, line: int = 1) -> Any:
    """Return the value that a JSON text is.

    Args:
        text: The whole of it.
        path: Its file; what else it is, for a text that has no lines.
        line: The line of the file on which it begins.

    Raises:
        DataError: with file:line, for what is not JSON, or has numbers or nesting that Python cannot hold; for an
            object with a key twice, of which `json` would keep the last one; for half a character.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _value in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{place}: the key {twice!r} stands twice in one object; remove one")
        return found

    one_line = "\n" not in text.rstrip()
    place = _at(path, line) if one_line else f"{path}"
    _check_escapes(text, path, line)
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DataError(f"{_at(path, line + error.lineno - 1)}: not JSON ({error})") from error
    except ValueError as error:
        raise DataError(f"{place}: a number has too many digits to be read; write it as text, in quotes") from error
    except RecursionError as error:
        raise DataError(f"{place}: lists or objects are nested too deeply to be read; make it flatter") from error


def _at(path: Path | str, line: int) -> str:
    return f"{path}:{line}" if isinstance(path, Path) else path


def _check_escapes(text: str, path: Path | str, line: int) -> None:
    if "\\ud" not in text and "\\uD" not in text:
        return
    for found in _ESCAPE.finditer(text):
        if found["half"]:
            where = _at(path, line + text.count("\n", 0, found.start()))
            raise DataError(
                f"{where}: {found[0]} is half a character (a surrogate without the other one), and no text; write the "
                "whole character, or remove it"
            )
