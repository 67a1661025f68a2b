"""Texts without the folders of a machine: a store travels, and a person's folders stay at home."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

_PART = r"[^\s/:\"'`()\[\]{},;<>|]+"
_QUOTED = re.compile(r"([\"'])(/[^\"'\n]*/[^\"'\n]*)\1")
"""A path between quotes, which may hold spaces."""
_BEFORE_A_LINE = re.compile(r"(?<![\w.~/:-])/(?:(?! /)[^\n:\"'])*/(?:(?! /)[^\n:\"'])*(?=:\d)")
"""A path before the number of a line, which may hold spaces."""
_PLAIN = re.compile(rf"(?<![\w.~/:-])/(?:{_PART}/)+(?:{_PART})?")


def without_folders(text: str | None) -> str | None:
    """Return a text in which every absolute path is its last name: `/home/ann/data/de.csv:3` becomes `de.csv:3`."""
    if text is None:
        return None
    for folder in (os.getcwd(), str(Path.home())):  # noqa: PTH109  as text
        text = text.replace(folder, folder.replace(" ", "_"))
    text = _QUOTED.sub(lambda found: f"{found[1]}{_last(found[2])}{found[1]}", text)
    text = _BEFORE_A_LINE.sub(lambda found: _last(found[0]), text)
    return _PLAIN.sub(lambda found: _last(found[0]), text)


def strip_folders(file: Path) -> None:
    """Rewrite a text file, if it is there, without the folders that it names."""
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
        file.write_text(without_folders(text) or "", encoding="utf-8")


def _last(path: str) -> str:
    return PurePosixPath(path).name
