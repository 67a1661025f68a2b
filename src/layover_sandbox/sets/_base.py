"""The base class of data sets: meanings drawn from a split, written in the layout of a real data set."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from layover_sandbox.language import Language
from layover_sandbox.languages import get, names
from layover_sandbox.meaning import Clause
from layover_sandbox.sampling import Dice, Sampler

M = TypeVar("M", bound=Hashable)

ENGLISH = "en"
LANGUAGES = names()
ALL = "mul"
"""ISO 639-2 code for several languages, in one file."""
EVERY = {"train": (ENGLISH,), "validation": LANGUAGES, "test": LANGUAGES}
"""Split -> languages, for data sets with English training data."""
LARGE = {"train": 12_000, "validation": 400, "test": 500}
SMALL = {"train": 400, "validation": 200, "test": 500}


class DataSet(ABC, Generic[M]):
    """One data set; its files are functions of the seed alone.

    All languages of a split have the same meanings in the same order, unless `own_words` is True.
    """

    sizes: ClassVar[Mapping[str, int]]
    """Split -> number of meanings."""
    domains: ClassVar[tuple[str, ...]] = ("general",)
    own_words: ClassVar[bool] = False
    """Whether each language has its own meanings."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Split -> number of examples of the task."""
        return self.sizes

    @abstractmethod
    def draw(self, sampler: Sampler) -> M:
        """Return the meaning of one example; it belongs to the split of the sampler."""

    @abstractmethod
    def path(self, split: str, language: str) -> str:
        """Return the path of the file, in the layout of the real data set."""

    @abstractmethod
    def render(self, meanings: Sequence[M], split: str, language: Language) -> str:
        """Return the content of the file of a language."""

    def files(self, meanings: Sequence[M], split: str, language: str) -> dict[str, str]:
        """Return path -> content of all files of a language, including the file of `path`."""
        return {self.path(split, language): self.render(meanings, split, get(language))}

    def meanings(self, split: str, seed: int, language: str = ENGLISH) -> list[M]:  # noqa: ARG002
        """Return the meanings of a split, without duplicates; most data sets share them between languages."""
        sampler = Sampler(Dice("sandbox", seed, type(self).__name__, split), split, self.domains)
        meanings: list[M] = []
        taken: set[Hashable] = set()
        admits = self.door()
        while len(meanings) < self.sizes[split]:
            meaning = self.draw(sampler)
            marks = self.marks(meaning)
            if not taken & marks and admits(meaning):
                taken |= marks
                meanings.append(meaning)
        return meanings

    def door(self) -> Callable[[M], bool]:
        """Return a filter for new meanings, which can depend on the accepted ones."""
        return lambda _: True

    def marks(self, meaning: M) -> set[Hashable]:
        """Return marks of a meaning; meanings of a split must not share a mark."""
        return {meaning}


def sentence_of(language: Language, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> str:
    """Return a clause as a sentence."""
    return language.statement(language.clause(clause, time_first=time_first, pronoun=pronoun)).text


def as_table(rows: Iterable[Sequence[str]]) -> str:
    """Return tab-separated values without a header, as XTREME writes pairs of sentences."""
    return "".join("\t".join(row) + "\n" for row in rows)


def as_json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return JSON lines, one object per row."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_tagged(sentences: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Return a word and its tag per line, and an empty line after each sentence."""
    return "".join("".join(f"{word}\t{tag}\n" for word, tag in words) + "\n" for words in sentences)
