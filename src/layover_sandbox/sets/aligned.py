"""Aligned sentences with their English translations, line by line: retrieval, in Tatoeba's layout."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from layover_sandbox.language import Language
from layover_sandbox.languages import get
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets._base import ENGLISH, LANGUAGES, DataSet
from layover_sandbox.sets._tagged import Utterance, draw_utterance


class Aligned(DataSet[Utterance]):
    """Two files with the same number of lines per language; no line appears twice."""

    sizes: ClassVar[Mapping[str, int]] = {"validation": 200, "test": 500}

    def draw(self, sampler: Sampler) -> Utterance:
        return draw_utterance(sampler)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the number of sentences of both sides."""
        return {split: 2 * size for split, size in self.sizes.items()}

    def marks(self, meaning: Utterance) -> set[Hashable]:
        """Return the meaning without word order, and its text in every language: each line has one right answer."""
        return {replace(meaning, time_first=False), *(meaning.sentence(get(code)).text for code in LANGUAGES)}

    def path(self, split: str, language: str) -> str:
        return f"aligned/{split}.{language}-en.{language}"

    def render(self, meanings: Sequence[Utterance], split: str, language: Language) -> str:  # noqa: ARG002
        return "".join(f"{utterance.sentence(language).text}\n" for utterance in meanings)

    def files(self, meanings: Sequence[Utterance], split: str, language: str) -> dict[str, str]:
        """Return the file of a language and the file of its English lines."""
        english = self.render(meanings, split, get(ENGLISH))
        return {f"aligned/{split}.{language}-en.en": english, **super().files(meanings, split, language)}


SET = Aligned()
