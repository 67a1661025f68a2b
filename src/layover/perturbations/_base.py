"""The base of every perturbation: what it may see of a text, what it returns, and its random numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from layover.canonical import CanonicalModel
from layover.identity import Json
from layover.stable_random import StableRandom

Percent = Literal[5, 10, 20]
PERCENTS: tuple[Percent, ...] = (5, 10, 20)


@dataclass
class TextWords:
    """The words of a text and the gaps around them, as a perturbation sees them."""

    words: Sequence[str]
    gaps: Sequence[str]
    """The text before the first word, between two words, after the last word: one more than words."""
    spaced: Sequence[bool]
    """Whether the script of each word separates words by spaces."""
    free: Sequence[bool]
    """Whether each word may be changed: it is no part of gold, and has a letter or digit."""
    kept: Sequence[bool]
    """Whether each word is part of gold."""
    free_gaps: Sequence[bool]
    """Whether each gap may be changed."""
    language: str
    left: int = 0
    """The number of words that are left in the text at the moment."""
    after_kept: bool = False
    """Whether the last word before the current one is part of gold."""

    def ends_kept(self, at: int) -> bool:
        """Return whether the word after a place is part of gold."""
        return at + 1 < len(self.words) and self.kept[at + 1]


@dataclass(frozen=True)
class WordChange:
    """What stands in the place of a word."""

    words: tuple[tuple[int, str], ...]
    """The words, each with the number of the word that it comes from; empty deletes the word."""
    taken: int = 1
    """The number of words that are replaced."""
    gap: str | None = None
    """The new gap after the last of them; None keeps it."""


class Perturbation(CanonicalModel, ABC):
    """A seeded change of a share of the words of a text; its settings are part of the key of a test set."""

    name: ClassVar[str]
    """The name of the file."""
    version: ClassVar[int] = 1
    """Raised when the perturbation makes other texts of the same texts."""

    percent: Percent
    """The share of words that change."""

    @property
    def label(self) -> str:
        """The name with the rate, `typos-10`."""
        return f"{self.name}-{self.percent}"

    def applies(self, word: str, language: str) -> bool:  # noqa: ARG002
        """Return whether it can change a word at all; the rate is a share of these words."""
        return True

    @abstractmethod
    def change(self, sentence: TextWords, at: int, random: StableRandom) -> WordChange | None:
        """Return what stands in the place of a word; None if it stays.

        Args:
            sentence: The text.
            at: The number of a word that may be changed and that the rate selected.
            random: Random numbers of this word.
        """

    def canonical(self) -> dict[str, Json]:
        """Return the name, the version and the settings."""
        return {"name": self.name, "version": self.version, **self.settings()}
