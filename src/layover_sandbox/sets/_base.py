"""What a data set of the sandbox is: meanings drawn from a split, written in a language as its real sibling's files."""

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
"""ISO 639-2: several languages, in one file."""
EVERY = {"train": (ENGLISH,), "validation": LANGUAGES, "test": LANGUAGES}
"""Split -> languages, for the data sets that train on English."""
LARGE = {"train": 12_000, "validation": 400, "test": 500}
SMALL = {"train": 400, "validation": 200, "test": 500}


class DataSet(ABC, Generic[M]):
    """One data set; its files are functions of the seed alone.

    All languages of a split have the same meanings in the same order.
    """

    sizes: ClassVar[Mapping[str, int]]
    """Split -> number of meanings."""
    domains: ClassVar[tuple[str, ...]] = ("general",)
    own_words: ClassVar[bool] = False
    """Whether each language says something else."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Split -> number of examples as a task counts them."""
        return self.sizes

    @abstractmethod
    def draw(self, sampler: Sampler) -> M:
        """Return the meaning of one example; it belongs to the sampler's split."""

    @abstractmethod
    def path(self, split: str, language: str) -> str:
        """Return the path of the file, in the layout of the real data set."""

    @abstractmethod
    def render(self, meanings: Sequence[M], split: str, language: Language) -> str:
        """Return the content of the file of a language."""

    def files(self, meanings: Sequence[M], split: str, language: str) -> dict[str, str]:
        """Return path -> content of all files of a language, the one of `path` and those beside it."""
        return {self.path(split, language): self.render(meanings, split, get(language))}

    def meanings(self, split: str, seed: int, language: str = ENGLISH) -> list[M]:  # noqa: ARG002
        """Return the meanings of a split, no two of them equal; most data sets say the same in every language."""
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
        """Return what decides whether a meaning comes in beside those that it let in before."""
        return lambda _: True

    def marks(self, meaning: M) -> set[Hashable]:
        """Return what no two meanings of a split may have in common."""
        return {meaning}


def sentence_of(language: Language, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> str:
    """Return a clause as a sentence."""
    return language.statement(language.clause(clause, time_first=time_first, pronoun=pronoun)).text


def as_table(rows: Iterable[Sequence[str]]) -> str:
    """Return tab-separated values without a header, as XTREME writes pairs of sentences."""
    return "".join("\t".join(row) + "\n" for row in rows)


def as_json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return one object per line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_tagged(sentences: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Return a word and its tag per line, and an empty line after each sentence."""
    return "".join("".join(f"{word}\t{tag}\n" for word, tag in words) + "\n" for words in sentences)
