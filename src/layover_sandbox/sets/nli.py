"""Natural language inference: pairs of sentences, in XNLI's layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox.inference import LABELS, hypothesis, touches
from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause, Name
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets._base import LARGE, DataSet, as_table, sentence_of


@dataclass(frozen=True, slots=True)
class Pair:
    """A premise, a hypothesis, and their label."""

    premise: tuple[Clause, ...]
    hypothesis: Clause
    label: str
    time_first: bool


class Nli(DataSet[Pair]):
    """One or two sentences, and a claim that is entailed in one or two steps, contradicted, or neutral."""

    sizes: ClassVar[Mapping[str, int]] = LARGE
    folder: ClassVar[str] = "nli"
    sentences: ClassVar[tuple[int, ...]] = (1, 1, 2)
    """Numbers of sentences in a premise."""
    steps: ClassVar[int] = 2
    reordered: ClassVar[float] = 0.3
    """Share of claims that begin with their time, among claims with a time."""

    def draw(self, sampler: Sampler) -> Pair:
        dice = sampler.dice
        label = dice.pick(LABELS)
        while True:
            known = self.known(sampler)
            about = dice.pick(known)
            claim = self.claim(sampler, known, about, label)
            others = [clause for clause in known if clause is not about]
            if claim is None or claim in known or not sampler.owns(claim):
                continue
            if not touches(claim, others) and not namesakes((*known, claim)):
                return Pair(known, claim, label, claim.time is not None and dice.chance(self.reordered))

    def claim(self, sampler: Sampler, known: Sequence[Clause], about: Clause, label: str) -> Clause | None:  # noqa: ARG002
        """Return a claim about one sentence of the premise, or None if it has no claim with this label."""
        return hypothesis(sampler, about, label, self.steps)

    def known(self, sampler: Sampler) -> tuple[Clause, ...]:
        """Return the premise; its sentences have different people as subjects."""
        count = sampler.dice.pick(self.sentences)
        clauses: list[Clause] = []
        while len(clauses) < count:
            clause = sampler.own(sampler.any)
            apart = all(clause.subject is None or clause.subject != other.subject for other in clauses)
            if apart and not namesakes([*clauses, clause]):
                clauses.append(clause)
        return tuple(clauses)

    def path(self, split: str, language: str) -> str:
        return f"{self.folder}/{'dev' if split == 'validation' else split}-{language}.tsv"

    def render(self, meanings: Sequence[Pair], split: str, language: Language) -> str:  # noqa: ARG002
        return as_table(self._row(pair, language) for pair in meanings)

    def _row(self, pair: Pair, language: Language) -> tuple[str, str, str]:
        sentences = [language.statement(language.clause(clause)) for clause in pair.premise]
        claim = sentence_of(language, pair.hypothesis, time_first=pair.time_first)
        return language.text_of(sentences), claim, pair.label


def namesakes(clauses: Iterable[Clause]) -> bool:
    """Return whether two people share a given name: `Anna` would then be ambiguous."""
    parts = (part for clause in clauses for part in (clause.subject, clause.object, clause.third))
    people = {part for part in parts if isinstance(part, Name)}
    return len({who.given for who in people}) < len(people)


SET = Nli()
