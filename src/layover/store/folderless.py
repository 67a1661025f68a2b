"""Texts without the folders of a machine: a store travels, and a person's folders stay at home."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

_PART = r"[^\s/:\"'`()\[\]{},;<>|]+"
_QUOTED = re.compile(r"([\"'])(/[^\"'/\n]*+/[^\"'\n]*+)\1")
"""A path between quotes, which may hold spaces."""
_BEFORE_A_LINE = re.compile(r"(?<![\w.~/:-])/(?:(?! /)[^\n:\"'])*+(?=(:\d)?)")
"""What may be a path that holds spaces; it is one before the number of a line."""
_PLAIN = re.compile(rf"(?<![\w.~/:-])/(?:{_PART}/)+(?:{_PART})?")
_NUMBER = re.compile("\0(\\d+)\0")


def without_folders(text: str | None) -> str | None:
    """Return a text in which every absolute path is its last name: `/home/ann/data/de.csv:3` becomes `de.csv:3`."""
    if text is None:
        return None
    for folder in (os.getcwd(), str(Path.home())):  # noqa: PTH109  as text
        text = text.replace(folder, folder.replace(" ", "_"))
    text = _QUOTED.sub(lambda found: f"{found[1]}{_last(found[2])}{found[1]}", text)
    text = _BEFORE_A_LINE.sub(lambda found: _last(found[0]) if found[1] and found[0].count("/") > 1 else found[0], text)
    return _PLAIN.sub(lambda found: _last(found[0]), text)


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
    places = sorted(((str(file), f"\0{number}\0") for number, file in enumerate(files)), key=lambda one: -len(one[0]))

    def changed(text: str) -> str:
        for path, number in places:
            text = text.replace(path, number)
        return without_folders(text) or ""

    return _changed(value, changed)


def named(value: Any, files: Sequence[Path]) -> Any:
    """Return JSON with the paths of files in the place of the numbers that `numbered` gave them."""

    def changed(text: str) -> str:
        return _NUMBER.sub(lambda found: str(files[int(found[1])]), text)

    return _changed(value, changed)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _changed(inner, change) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_changed(inner, change) for inner in value]
    return value


def _last(path: str) -> str:
    return PurePosixPath(path).name
