"""Graphemes: the characters that a reader sees, which a perturbation never splits.

The rules are those of Unicode (UAX 29) without its tables: a grapheme may be longer here, but it is never shorter. So
a base stays with its marks, an emoji with its modifiers, an Indian consonant with the consonants below it, a Thai
consonant with the vowel before it.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

JOINER = "\u200d"
_VIRAMA = 9
"""The combining class of the signs that join two consonants."""
_SARA_AM = "\u0e33\u0eb3"
"""Vowels of Thai and Lao that are letters to Unicode and follow their consonant in one grapheme."""
_PREPOSED = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
"""Vowels of Thai and Lao that are written before their consonant."""


def graphemes(text: str) -> list[str]:
    """Return the graphemes of a text; joined they are the text."""
    if text.isascii() and "\r" not in text:
        return list(text)
    parts: list[str] = []
    for character in text:
        if parts and _continues(parts[-1], character):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _continues(grapheme: str, character: str) -> bool:
    """Return whether a character belongs to the grapheme before it."""
    if grapheme == "\r":
        return character == "\n"
    if grapheme[-1].isspace() or grapheme == "\n":
        return False
    before = grapheme[-1]
    if before == JOINER or _extends(character):
        return True
    if before in _PREPOSED or unicodedata.combining(before) == _VIRAMA:
        return unicodedata.category(character) == "Lo"
    if _is_flag(before) and _is_flag(character):
        return len(grapheme) % 2 == 1
    return _joins_hangul(before, character)


@lru_cache(maxsize=4096)
def _extends(character: str) -> bool:
    """Return whether a character always belongs to the one before it: marks, modifiers of emoji, tags."""
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character in _SARA_AM
        or character in (JOINER, "\u200c")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag(character: str) -> bool:
    """Return whether a character is half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _joins_hangul(before: str, character: str) -> bool:
    """Return whether two parts of a Hangul syllable belong together: lead, vowel, tail."""
    vowel, tail = "\u1160" <= character <= "\u11a7", "\u11a8" <= character <= "\u11ff"
    if "\u1100" <= before <= "\u115f":
        return vowel or "\u1100" <= character <= "\u115f" or "\uac00" <= character <= "\ud7a3"
    if "\u1160" <= before <= "\u11a7" or "\uac00" <= before <= "\ud7a3":
        return vowel or tail
    return "\u11a8" <= before <= "\u11ff" and tail
