"""Words of a text in any script, with their places.

Between spaces, a word is a run of letters, marks and digits; a single sign between two of them belongs to it (`don't`,
`3.5`). Scripts without spaces have no such borders, so their runs are cut into pieces of about the length of a word:
two characters of Chinese or Hiragana, three of Thai, Lao, Khmer, Burmese and Tibetan; a run of Katakana is one word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from layover.perturbations._graphemes import graphemes

_SIGN = ""
_SPACED = "letters"
_UNSPACED: tuple[tuple[str, int | None, tuple[tuple[int, int], ...]], ...] = (
    ("han", 2, ((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFD))),
    ("hiragana", 2, ((0x3041, 0x309F),)),
    ("katakana", None, ((0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))),
    ("thai", 3, ((0x0E01, 0x0E5B),)),
    ("lao", 3, ((0x0E81, 0x0EDF),)),
    ("tibetan", 3, ((0x0F00, 0x0FFF),)),
    ("burmese", 3, ((0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F))),
    ("khmer", 3, ((0x1780, 0x17FF),)),
)
"""Script, graphemes of a piece (None keeps a run whole), and ranges of characters."""


@dataclass(frozen=True, slots=True)
class WordPlace:
    """A word of a text, by its characters."""

    start: int
    end: int
    spaced: bool
    """Whether its script separates words by spaces."""


@lru_cache(maxsize=256)
def words_of(text: str) -> tuple[WordPlace, ...]:
    """Return the words of a text, in their order; several questions may ask of one text."""
    return tuple(word for run in re.finditer(r"\S+", text) for word in _in_run(run.group(), run.start()))


def script_of(grapheme: str) -> str:
    """Return the script without spaces of a grapheme, `letters` for other letters and digits, else an empty text."""
    return _script_of(grapheme[0])


@lru_cache(maxsize=4096)
def _script_of(character: str) -> str:
    if unicodedata.category(character)[0] not in "LNM":
        return _SIGN
    point = ord(character)
    for script, _, ranges in _UNSPACED:
        if any(first <= point <= last for first, last in ranges):
            return script
    return _SPACED


def same_script(grapheme: str, other: str) -> bool:
    """Return whether two letters are of one script, by the first word of their Unicode names."""
    names = [unicodedata.name(part[0], "").partition(" ")[0] for part in (grapheme, other)]
    return names[0] == names[1]


def is_word(text: str) -> bool:
    """Return whether a text has a letter or a digit."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)


def _in_run(run: str, start: int) -> Iterator[WordPlace]:
    """Yield the words of a run without spaces."""
    parts = graphemes(run)
    scripts = _with_inner_signs([script_of(part) for part in parts])
    if run.isalpha() and scripts[0] == _SPACED == scripts[-1] and len({*scripts}) == 1:
        yield WordPlace(start, start + len(run), spaced=True)
        return
    places = [start]
    for part in parts:
        places.append(places[-1] + len(part))
    sizes = {script: size for script, size, _ in _UNSPACED}
    first = 0
    for last in range(1, len(parts) + 1):
        size = sizes.get(scripts[first])
        full = size is not None and last - first == size
        if last < len(parts) and scripts[last] == scripts[first] and not full:
            continue
        if scripts[first] != _SIGN and is_word("".join(parts[first:last])):
            yield WordPlace(places[first], places[last], scripts[first] == _SPACED)
        first = last


def _with_inner_signs(scripts: list[str]) -> list[str]:
    """Return the scripts; a single sign between two letters or digits counts as a letter."""
    return [
        _SPACED
        if script == _SIGN and 0 < at < len(scripts) - 1 and scripts[at - 1] == scripts[at + 1] == _SPACED
        else script
        for at, script in enumerate(scripts)
    ]
