"""Sentences with a tag per word: the base class of the tagging data sets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox.language import Language, Sentence
from layover_sandbox.meaning import Clause, Role
from layover_sandbox.sampling import Sampler, repeats
from layover_sandbox.scripts import draw_link
from layover_sandbox.sets._base import SMALL, DataSet, as_tagged
from layover_sandbox.sets.qa import askable


@dataclass(frozen=True, slots=True)
class Utterance:
    """A statement, a question about a role, or a statement with its reason."""

    clause: Clause
    role: Role | None = None
    reason: Clause | None = None
    time_first: bool = False

    def sentence(self, language: Language) -> Sentence:
        """Return the sentence in a language."""
        if self.role is not None:
            return language.inquiry(language.question(self.clause, self.role))
        if self.reason is not None:
            return language.statement(language.because(self.clause, self.reason))
        return language.statement(language.clause(self.clause, time_first=self.time_first))


def draw_utterance(sampler: Sampler) -> Utterance:
    """Return an utterance, mostly a statement."""
    dice = sampler.dice
    if dice.chance(0.15):
        story = draw_link(sampler)
        if not repeats(story.effect, story.cause):
            return Utterance(story.effect, reason=story.cause)
    clause = sampler.own(sampler.any)
    roles = askable(clause, named=True)
    if roles and dice.chance(0.2):
        return Utterance(clause, role=dice.pick(roles))
    return Utterance(clause, time_first=clause.time is not None and dice.chance(0.3))


class Tagged(DataSet[Utterance]):
    """Statements, questions and reasons; one word and its tag per line."""

    sizes: ClassVar[Mapping[str, int]] = SMALL
    folder: ClassVar[str]

    def draw(self, sampler: Sampler) -> Utterance:
        return draw_utterance(sampler)

    def path(self, split: str, language: str) -> str:
        return f"{self.folder}/{'dev' if split == 'validation' else split}-{language}.tsv"

    def render(self, meanings: Sequence[Utterance], split: str, language: Language) -> str:  # noqa: ARG002
        sentences = (utterance.sentence(language) for utterance in meanings)
        return as_tagged(self._words(sentence) for sentence in sentences)

    def _words(self, sentence: Sentence) -> list[tuple[str, str]]:
        return [(token.text, tag) for token, tag in zip(sentence.tokens, self.tags(sentence), strict=True)]

    @abstractmethod
    def tags(self, sentence: Sentence) -> list[str]:
        """Return one tag per word."""
