"""Texts without the folders of a machine, because a store may be shared and the user's folders are private.

Paths are recognised by their form. A path that shows a folder of the machine is replaced by its last name. These are
absolute paths, paths with `..`, paths in a home folder, Windows paths, paths on a server, and `file:` addresses.
Web addresses and paths inside a project (`data/de.csv`, `org/name`) stay.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_QUOTED = re.compile(r"([\"'])(/[^\"'/\n]*+/[^\"'\n]*+)\1")
"""A path between quotes, which may contain spaces."""
_BEFORE_A_LINE = re.compile(r"(?<![\w.~/:-])/(?:(?! /)[^\n:\"'])*+(?=(:\d)?)")
"""A text that may be a path with spaces; it is a path if a line number follows."""
_NUMBER = re.compile("\0(\\d+|-)\0", re.ASCII)
_NUL = "\0-\0"
"""Replaces a NUL of a text, because NUL encloses the numbers of files."""
_ODD = re.compile(r"[^\w./~\\:-]")
_NOT = r"\s\"'`<>|:"
_WORD = re.compile(rf"(?:\b([A-Za-z][A-Za-z0-9+.-]*+):)?((?:[^{_NOT}]|:(?=[^\W\d]))++)")
"""A word between blanks and quotes, with its scheme before a colon; it may be or contain a path."""
_QUOTED_PATH = re.compile(r"([\"'])((?:[/~]|\.\.[/\\]|[A-Za-z]:[/\\]|\\\\)[^\"'\n]*+)\1")
"""A path between quotes, which may contain spaces."""
_BETWEEN = re.compile(r"(?<=[,;=(\[{])(?=[/~\\]|\.\.[/\\])")
"""The place where a path begins inside a word."""
_BEGIN = re.compile(r"(?<![\w.~/\\-])(?:/{1,2}[^/]++/|~[\w.-]{0,64}/|\.\.[/\\]|\\\\[\w.$-]{1,64}\\)")
"""The beginning of a path that shows a folder of the machine."""
_UPWARD = re.compile(r"[/\\]\.\.[/\\]")


def without_folders(text: str | None, known: Iterable[Path] = ()) -> str | None:
    """Return a text with the last name in place of every path: `/home/ann/data/de.csv:3` becomes `de.csv:3`.

    Args:
        text: The text, or None, which stays None.
        known: Paths that the text may contain, itself or their folders. Other paths are recognised by their form, so
            that a blank may end them too early.
    """
    if text is None:
        return None
    places = sorted({path for path in known if path.is_absolute()}, key=lambda path: -len(str(path)))
    for place in places:
        whole = rf"{re.escape(str(place))}(?![\w/\\-]|\.\w)"
        text = re.sub(whole, place.name.replace("\\", r"\\"), text)
    folders = {os.getcwd(), str(Path.home()), *(str(parent) for place in places for parent in place.parents)}  # noqa: PTH109  as text
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder, _ODD.sub("_", folder))
    text = _QUOTED.sub(lambda match: f"{match[1]}{last(match[2])}{match[1]}", text)
    text = _BEFORE_A_LINE.sub(lambda match: last(match[0]) if match[1] and match[0].count("/") > 1 else match[0], text)
    return shortened(text)


def strip_folders(file: Path) -> None:
    """Rewrite a text file, if it exists, without the folders that it names; on an error it stays as it is.

    On a full disk, its content is more useful than its privacy.
    """
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        temporary.write_text(without_folders(text) or "", encoding="utf-8")
        temporary.replace(file)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def numbered(value: Any, files: Sequence[Path]) -> Any:
    """Return JSON whose texts name the given files by their numbers, and all other files without their folders."""
    places = sorted(
        ((str(file), f"\0{number}\0") for number, file in enumerate(files)), key=lambda place: -len(place[0])
    )

    def changed(text: str) -> str:
        text = text.replace("\0", _NUL)
        for path, number in places:
            text = text.replace(path, number)
        return without_folders(text) or ""

    return _changed(value, changed)


def named(value: Any, files: Sequence[Path]) -> Any:
    """Return JSON with the paths of files in place of the numbers from `numbered`."""

    def put_back(match: re.Match[str]) -> str:
        if match[1] == "-":
            return "\0"
        number = int(match[1][:9])
        return str(files[number]) if number < len(files) else match[0]

    def changed(text: str) -> str:
        return _NUMBER.sub(put_back, text)

    return _changed(value, changed)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _changed(inner, change) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_changed(inner, change) for inner in value]
    return value


def shortened(text: str) -> str:
    """Return a text with the last name in place of each path that shows a folder of the machine."""
    return _WORD.sub(_in_word, _QUOTED_PATH.sub(_in_quotes, text))


def last(path: str) -> str:
    """Return the last name of a path, with either kind of slash."""
    path = path.rstrip("/\\")
    return path.rpartition("/" if "/" in path else "\\")[2]


def _in_quotes(match: re.Match[str]) -> str:
    path = match[2]
    inner = path.count("/") + path.count("\\") > 1 or not path.startswith("/")
    return f"{match[1]}{last(path) if inner else path}{match[1]}"


def _in_word(match: re.Match[str]) -> str:
    before, word = match[1], match[2]
    if "/" not in word and "\\" not in word:
        return match[0]
    if before is None:
        return _in_parts(word)
    if len(before) == 1 and word[0] in "/\\":  # a drive
        return last(word)
    if before.lower() == "file" and word.startswith("//"):
        return last(word)
    return match[0] if word.startswith("//") else f"{before}:{_in_parts(word)}"


def _in_parts(word: str) -> str:
    return "".join(map(_in_part, _BETWEEN.split(word)))


def _in_part(part: str) -> str:
    begin = _BEGIN.search(part)
    if begin is not None:
        return part[: begin.start()] + last(part[begin.start() :])
    return last(part) if _UPWARD.search(part) else part
