"""punctuation: a sign after a word is removed or replaced, and a word without one gets one."""

from __future__ import annotations

import unicodedata

from layover.perturbations._base import Perturbation, TextWords, WordChange
from layover.perturbations._graphemes import graphemes
from layover.stable_random import StableRandom

_SIGNS: tuple[tuple[str, str], ...] = (
    ("ARABIC", "،؛؟."),
    ("DEVANAGARI", "।,?!"),
    ("BENGALI", "।,?!"),
    ("CJK", "，。？！"),
    ("HIRAGANA", "、。？！"),
    ("KATAKANA", "、。？！"),
    ("ETHIOPIC", "፣።"),
    ("KHMER", "។,?!"),
    ("MYANMAR", "၊။?!"),
)
"""Beginning of the Unicode names of a script's letters, and its signs."""
_USUAL = ",.;?!"


class Punctuation(Perturbation):
    """The signs after a share of the words change; the words stay."""

    name = "punctuation"

    def change(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        after = at + 1
        if not sentence.free_gaps[after]:
            return None
        word, gap = sentence.words[at], sentence.gaps[after]
        first = next(iter(graphemes(gap)), "")
        signs = _signs(word[-1])
        if not unicodedata.category(first[0]).startswith("P") if first else True:
            return WordChange(((at, word),), gap=random.pick(signs, "sign") + gap)
        rest = gap[len(first) :]
        others = [sign for sign in signs if sign != first]
        replaced = random.pick(others, "sign") + rest
        return WordChange(((at, word),), gap=random.pick((rest, replaced), "operation"))


PERTURBATION = Punctuation


def _signs(letter: str) -> str:
    """Return the signs of the script of a letter."""
    name = unicodedata.name(letter, "")
    return next((signs for script, signs in _SIGNS if name.startswith(script)), _USUAL)
