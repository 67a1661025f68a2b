"""Texts without the folders of a machine: a store travels, and a person's folders stay at home.

Paths are found by how they look. Of each that tells of a machine its last name stays: of absolute paths, of those that
leave a folder upward, and of those of a home, of Windows, of a server, and of file addresses. Addresses of the web and
paths inside a project (`data/de.csv`, `org/name`) stay.
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
"""A path between quotes, which may hold spaces."""
_BEFORE_A_LINE = re.compile(r"(?<![\w.~/:-])/(?:(?! /)[^\n:\"'])*+(?=(:\d)?)")
"""What may be a path that holds spaces; it is one before the number of a line."""
_NUMBER = re.compile("\0(\\d+|-)\0", re.ASCII)
_NUL = "\0-\0"
"""What stands for a NUL that was in a text, beside the numbers of files between two of them."""
_ODD = re.compile(r"[^\w./~\\:-]")
_NOT = r"\s\"'`<>|:"
_WORD = re.compile(rf"(?:\b([A-Za-z][A-Za-z0-9+.-]*+):)?((?:[^{_NOT}]|:(?=[^\W\d]))++)")
"""What stands between blanks and quotes, with what stands before a colon; it may be a path, or have one in it."""
_QUOTED_PATH = re.compile(r"([\"'])((?:[/~]|\.\.[/\\]|[A-Za-z]:[/\\]|\\\\)[^\"'\n]*+)\1")
"""A path between quotes, which may hold spaces."""
_BETWEEN = re.compile(r"(?<=[,;=(\[{])(?=[/~\\]|\.\.[/\\])")
"""Where a path begins inside a word, behind another."""
_BEGIN = re.compile(r"(?<![\w.~/\\-])(?:/{1,2}[^/]++/|~[\w.-]{0,64}/|\.\.[/\\]|\\\\[\w.$-]{1,64}\\)")
"""How paths of a machine begin."""
_UPWARD = re.compile(r"[/\\]\.\.[/\\]")


def without_folders(text: str | None, known: Iterable[Path] = ()) -> str | None:
    """Return a text in which every path of the machine is its last name: `/home/ann/data/de.csv:3` is `de.csv:3`.

    Args:
        text: Or None, which stays.
        known: Paths that it may hold, and whose folders it may. Others are found by how they look, so that a blank may
            end them too early.
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
    """Rewrite a text file, if it is there, without the folders that it names; one that cannot be rewritten stays.

    So it is on a disk without room, where what it tells is of more use.
    """
    beside = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        beside.write_text(without_folders(text) or "", encoding="utf-8")
        beside.replace(file)
    except OSError:
        with suppress(OSError):
            beside.unlink()


def numbered(value: Any, files: Sequence[Path]) -> Any:
    """Return JSON in which texts name each of some files by its number, and no other file by its folder."""
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
    """Return JSON with the paths of files in the place of the numbers that `numbered` gave them."""

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
    """Return a text with the last name in the place of each path that tells of a machine."""
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
        return _in_pieces(word)
    if len(before) == 1 and word[0] in "/\\":  # a drive
        return last(word)
    if before.lower() == "file" and word.startswith("//"):
        return last(word)
    return match[0] if word.startswith("//") else f"{before}:{_in_pieces(word)}"


def _in_pieces(word: str) -> str:
    return "".join(map(_in_piece, _BETWEEN.split(word)))


def _in_piece(piece: str) -> str:
    begin = _BEGIN.search(piece)
    if begin is not None:
        return piece[: begin.start()] + last(piece[begin.start() :])
    return last(piece) if _UPWARD.search(piece) else piece
