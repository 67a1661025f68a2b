"""Natural language inference: pairs of sentences, in XNLI's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover.sandbox.inference import LABELS, hypothesis
from layover.sandbox.language import Language
from layover.sandbox.meaning import Clause
from layover.sandbox.sampling import Sampler
from layover.sandbox.sets._base import LARGE, DataSet, as_table, told


@dataclass(frozen=True, slots=True)
class Pair:
    """What is known, what is claimed, and how they stand to each other."""

    premise: tuple[Clause, ...]
    hypothesis: Clause
    label: str
    time_first: bool


class Nli(DataSet[Pair]):
    """One or two sentences, and a claim that follows by one or two steps, is denied, or is left open."""

    sizes: ClassVar[Mapping[str, int]] = LARGE
    folder: ClassVar[str] = "nli"
    sentences: ClassVar[tuple[int, ...]] = (1, 1, 2)
    """Numbers of sentences in a premise."""
    steps: ClassVar[int] = 2

    def draw(self, sampler: Sampler) -> Pair:
        """See `DataSet.draw`."""
        dice = sampler.dice
        label = dice.pick(LABELS)
        while True:
            known = self.known(sampler)
            about = dice.pick(known)
            claim = hypothesis(sampler, about, label, self.steps)
            if claim is not None and claim not in known and (label != "neutral" or not _answered(claim, known, about)):
                return Pair(known, claim, label, claim.time is not None and dice.chance(0.3))

    def known(self, sampler: Sampler) -> tuple[Clause, ...]:
        """Return the premise; its sentences speak of different people."""
        count = sampler.dice.pick(self.sentences)
        found: list[Clause] = []
        while len(found) < count:
            clause = sampler.own(sampler.any)
            if all(clause.subject != other.subject or clause.subject is None for other in found):
                found.append(clause)
        return tuple(found)

    def path(self, split: str, language: str) -> str:
        """See `DataSet.path`."""
        return f"{self.folder}/{'dev' if split == 'validation' else split}-{language}.tsv"

    def render(self, meanings: Sequence[Pair], split: str, language: Language) -> str:  # noqa: ARG002
        """See `DataSet.render`."""
        return as_table(self._row(pair, language) for pair in meanings)

    def _row(self, pair: Pair, language: Language) -> tuple[str, str, str]:
        sentences = [language.statement(language.clause(clause)) for clause in pair.premise]
        claim = told(language, pair.hypothesis, time_first=pair.time_first)
        return language.text_of(sentences), claim, pair.label


def _answered(claim: Clause, known: Sequence[Clause], about: Clause) -> bool:
    """Return whether another sentence of the premise could settle a claim that is to be left open."""
    others = [clause for clause in known if clause is not about]
    return any(clause.subject == claim.subject and clause.predicate == claim.predicate for clause in others)


SET = Nli()
