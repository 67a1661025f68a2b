"""Copies of training examples with words replaced by synonyms, from draws that are equal in every process.

Every training example is replaced by `copies` examples. In each copy every word that has neighbours in the table
becomes a uniform draw from the word itself and its neighbours. So the unchanged example is no row of its own.

Source: RS-DA of Huang et al. 2021 (arXiv:2104.08645): words are split at white space, case is kept, both texts of a
pair are drawn independently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layover.canonical import Canonical, aside, later
from layover.data.synonyms import Synonyms
from layover.stable_random import StableRandom

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Augment(Canonical):
    """How the examples of training data are copied."""

    synonyms: str
    """SHA-256 of the file of synonyms."""
    copies: int
    seed: int = later(0)
    kept: tuple[str, ...] = later(())
    """tagging: the tags whose words stay."""
    path: Path | None = aside(None)
    """The place of the file; None if the specification was read from the store."""


class Substitution:
    """Replaces words of one copy of one example.

    Args:
        synonyms: The table.
        seed: The seed of the recipe.
        copy: Number of the copy, from 0.
        row: Number of the example in its data, from 0, before a limit or a hold-out.
        kept: Tags whose words stay.
    """

    def __init__(self, synonyms: Synonyms, seed: int, copy: int, row: int, kept: Sequence[str] = ()) -> None:
        self._synonyms, self.kept = synonyms, frozenset(kept)
        self._random = StableRandom((str(seed), str(copy), str(row)))

    def word(self, field: str, number: int, word: str) -> str:
        """Return the drawn word.

        Args:
            field: Name of the text, so that two texts of an example have different draws.
            number: Number of the word in this text, from 0.
            word: The word.
        """
        neighbours = self._synonyms.get(word)
        if neighbours is None:
            return word
        return self._random.pick((word, *neighbours), field, str(number))

    def text(self, field: str, text: str) -> str:
        """Return a text with each of its words drawn; its white space stays."""
        parts, end = [], 0
        for number, match in enumerate(_WORD.finditer(text)):
            parts += [text[end : match.start()], self.word(field, number, match[0])]
            end = match.end()
        return "".join([*parts, text[end:]])

    def around(self, field: str, text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, list[int]]:
        """Return a text whose words outside some spans are drawn, and the new starts of the spans.

        Args:
            field: Name of the text.
            text: The text.
            spans: Start and end (exclusive) of each span; words that overlap with one stay.
        """
        parts, end, moved = [], 0, [0] * len(spans)
        for number, match in enumerate(_WORD.finditer(text)):
            word = match[0]
            if not any(start < match.end() and match.start() < stop for start, stop in spans):
                word = self.word(field, number, word)
            parts += [text[end : match.start()], word]
            end = match.end()
            longer = len(word) - len(match[0])
            for index, (start, _) in enumerate(spans):
                moved[index] += longer if match.end() <= start else 0
        return "".join([*parts, text[end:]]), [start + more for (start, _), more in zip(spans, moved, strict=True)]
