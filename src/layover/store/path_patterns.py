"""Paths in texts, found by how they look: of each that tells of a machine its last name stays.

Such are absolute paths, those that leave a folder upward, those of a home, of Windows, of a server, and of file
addresses. Addresses of the web and paths inside a project (`data/de.csv`, `org/name`) stay.
"""

from __future__ import annotations

import re

_NOT = r"\s\"'`<>|:"
_WORD = re.compile(rf"(?:\b([A-Za-z][A-Za-z0-9+.-]*+):)?((?:[^{_NOT}]|:(?=[^\W\d]))++)")
"""What stands between blanks and quotes, with what stands before a colon; it may be a path, or have one in it."""
_QUOTED = re.compile(r"([\"'])((?:[/~]|\.\.[/\\]|[A-Za-z]:[/\\]|\\\\)[^\"'\n]*+)\1")
"""A path between quotes, which may hold spaces."""
_BETWEEN = re.compile(r"(?<=[,;=(\[{])(?=[/~\\]|\.\.[/\\])")
"""Where a path begins inside a word, behind another."""
_BEGIN = re.compile(r"(?<![\w.~/\\-])(?:/{1,2}[^/]++/|~[\w.-]{0,64}/|\.\.[/\\]|\\\\[\w.$-]{1,64}\\)")
"""How paths of a machine begin."""
_UPWARD = re.compile(r"[/\\]\.\.[/\\]")


def shortened(text: str) -> str:
    """Return a text with the last name in the place of each path that tells of a machine."""
    return _WORD.sub(_in_word, _QUOTED.sub(_in_quotes, text))


def last(path: str) -> str:
    """Return the last name of a path, with either kind of slash."""
    path = path.rstrip("/\\")
    return path.rpartition("/" if "/" in path else "\\")[2]


def _in_quotes(found: re.Match[str]) -> str:
    path = found[2]
    inner = path.count("/") + path.count("\\") > 1 or not path.startswith("/")
    return f"{found[1]}{last(path) if inner else path}{found[1]}"


def _in_word(found: re.Match[str]) -> str:
    before, word = found[1], found[2]
    if "/" not in word and "\\" not in word:
        return found[0]
    if before is None:
        return _in_pieces(word)
    if len(before) == 1 and word[0] in "/\\":  # a drive
        return last(word)
    if before.lower() == "file" and word.startswith("//"):
        return last(word)
    return found[0] if word.startswith("//") else f"{before}:{_in_pieces(word)}"


def _in_pieces(word: str) -> str:
    return "".join(map(_in_piece, _BETWEEN.split(word)))


def _in_piece(piece: str) -> str:
    begin = _BEGIN.search(piece)
    if begin is not None:
        return piece[: begin.start()] + last(piece[begin.start() :])
    return last(piece) if _UPWARD.search(piece) else piece
