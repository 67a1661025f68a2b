"""case: a word is in capitals, in small letters, or its first letter has the other case."""

from __future__ import annotations

from layover.perturbations._base import Perturbation, TextWords, WordChange
from layover.stable_random import StableRandom

_DOTTED = {"tr", "az"}
"""Languages whose i has a dot in capitals, too."""


class Case(Perturbation):
    """Another case of a share of the words that have one; a script without cases stays as it is."""

    name = "case"

    def applies(self, word: str, language: str) -> bool:
        return bool(_forms(word, language))

    def change(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        options = _forms(sentence.words[at], sentence.language)
        return WordChange(((at, random.pick(options, "operation")),)) if options else None


PERTURBATION = Case


def _forms(word: str, language: str) -> list[str]:
    """Return the other forms of a word: capitals, small letters, first letter in the other case."""
    first, rest = word[:1], word[1:]
    flipped = _lower(first, language) if first.isupper() else _upper(first, language)
    forms = dict.fromkeys((_upper(word, language), _lower(word, language), flipped + rest))
    return [form for form in forms if form != word]


def _upper(text: str, language: str) -> str:
    return (text.replace("i", "İ") if language in _DOTTED else text).upper()


def _lower(text: str, language: str) -> str:
    return (text.replace("I", "ı").replace("İ", "i") if language in _DOTTED else text).lower()
