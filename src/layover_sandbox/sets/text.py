"""Plain text of every language, one paragraph per line: masked language modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause, Fact
from layover_sandbox.sampling import Dice, Sampler, facts, repeats
from layover_sandbox.scripts import draw_link
from layover_sandbox.sets._base import ENGLISH, DataSet
from layover_sandbox.sets._tagged import Utterance, draw_utterance
from layover_sandbox.sets.qa import Qa, is_continued

DOMAINS = ("general", "legal", "biomedical")
_PARAGRAPHS = Qa()


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive clauses, an utterance, or a general fact."""

    clauses: tuple[Clause, ...] = ()
    utterance: Utterance | None = None
    fact: Fact | None = None
    with_question: bool = False
    """Whether the question that the fact answers comes first."""

    def text(self, language: Language) -> str:
        """Return the text in a language."""
        if self.utterance is not None:
            return self.utterance.sentence(language).text
        if self.fact is not None:
            answer = language.statement(language.fact(self.fact))
            question = language.inquiry(language.fact_question(self.fact))
            return language.text_of([question, answer] if self.with_question else [answer])
        pairs = enumerate(self.clauses)
        sentences = [
            language.statement(language.clause(clause, pronoun=is_continued(self.clauses, place)))
            for place, clause in pairs
        ]
        return language.text_of(sentences)


def draw_passage(sampler: Sampler) -> Passage:
    """Return a short story with a cause and its effect, sentences about a few people, one sentence, or a fact."""
    dice = sampler.dice
    draw = dice.below(20)
    if draw < 2:
        return Passage(fact=dice.pick(facts()), with_question=dice.chance(0.5))
    if draw < 12:
        return Passage(utterance=draw_utterance(sampler))
    if draw < 17:
        return Passage(clauses=_PARAGRAPHS.paragraph(sampler, 2 + dice.below(2)))
    link = draw_link(sampler)
    if draw < 18 and not repeats(link.effect, link.cause):
        return Passage(utterance=Utterance(link.effect, reason=link.cause))
    return Passage(clauses=(link.cause, link.effect))


class Text(DataSet[Passage]):
    """Natural text: general facts are repeated, and the languages are not translations of each other."""

    sizes: ClassVar[Mapping[str, int]] = {"train": 20_000, "validation": 500, "test": 500}
    domains: ClassVar[tuple[str, ...]] = DOMAINS
    own_words: ClassVar[bool] = True

    def draw(self, sampler: Sampler) -> Passage:
        return draw_passage(sampler)

    def meanings(self, split: str, seed: int, language: str = ENGLISH) -> list[Passage]:
        """Return passages; they may repeat."""
        sampler = Sampler(Dice("sandbox", seed, type(self).__name__, split, language), split, self.domains)
        return [self.draw(sampler) for _ in range(self.sizes[split])]

    def path(self, split: str, language: str) -> str:
        return f"text/{split}-{language}.txt"

    def render(self, meanings: Sequence[Passage], split: str, language: Language) -> str:  # noqa: ARG002
        return "".join(passage.text(language) + "\n" for passage in meanings)


SET = Text()
