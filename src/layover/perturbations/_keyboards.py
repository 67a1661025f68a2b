"""Neighbours of letters on keyboards: QWERTY, and the usual layouts of Cyrillic, Greek, Hebrew and Arabic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

_LAYOUTS: tuple[tuple[str, str, str], ...] = (
    ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    (" ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"),
    ("  קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"),
    ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر ىةوزظ"),
)
"""The three rows of letters of each layout; a space is a key without a single letter."""


def neighbours(character: str) -> tuple[str, ...]:
    """Return the letters beside a letter on its keyboard, in its case; empty if no layout has it."""
    near = _near().get(character.lower(), ())
    return tuple(letter.upper() for letter in near) if character.isupper() else near


@cache
def _near() -> Mapping[str, tuple[str, ...]]:
    return {letter: near for rows in _LAYOUTS for letter, near in _of(rows).items()}


def _of(rows: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return letter -> neighbours: the same row left and right, and the rows above and below, which are shifted."""
    near = {}
    for number, row in enumerate(rows):
        for place, letter in enumerate(row):
            around = [(number, place - 1), (number, place + 1), (number - 1, place), (number - 1, place + 1)]
            around += [(number + 1, place - 1), (number + 1, place)]
            near[letter] = tuple(
                rows[other][at]
                for other, at in around
                if 0 <= other < len(rows) and 0 <= at < len(rows[other]) and rows[other][at] != " "
            )
    near.pop(" ", None)
    return near
