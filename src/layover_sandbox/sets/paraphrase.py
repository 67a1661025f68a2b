"""Paraphrase: do two sentences with the same words have the same meaning; in PAWS-X's layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from layover_sandbox.inference import converse, other_time, reversed_, swapped
from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets._base import SMALL, DataSet, as_table, sentence_of


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """Two sentences, and whether they have the same meaning."""

    first: Clause
    second: Clause
    time_first: tuple[bool, bool]
    label: str


class Paraphrases(DataSet[Paraphrase]):
    """Paraphrases by converse verbs or word order; non-paraphrases by exchanged people or a wrong direction."""

    sizes: ClassVar[Mapping[str, int]] = SMALL

    def draw(self, sampler: Sampler) -> Paraphrase:
        dice = sampler.dice
        equal = dice.chance(0.5)
        while True:
            first = sampler.own(lambda: _clause(sampler))
            candidates = [
                clause for clause in (_same(first) if equal else _different(sampler, first)) if sampler.owns(clause)
            ]
            if not candidates:
                continue
            second = dice.pick(candidates)
            orders = (False, True) if second == first else (False, second.time is not None and dice.chance(0.5))
            return Paraphrase(first, second, orders, "1" if equal else "0")

    def path(self, split: str, language: str) -> str:
        return f"paraphrase/{'dev' if split == 'validation' else split}-{language}.tsv"

    def render(self, meanings: Sequence[Paraphrase], split: str, language: Language) -> str:  # noqa: ARG002
        return as_table(_row(item, language) for item in meanings)


def _clause(sampler: Sampler) -> Clause:
    if sampler.dice.chance(0.15):
        return sampler.comparison()
    return sampler.detailed(sampler.event(subject=sampler.person()), time=0.7)


def _same(clause: Clause) -> Iterator[Clause]:
    if clause.time is not None:
        yield clause
    other_side = converse(clause)
    if other_side is not None:
        yield other_side


def _different(sampler: Sampler, clause: Clause) -> Iterator[Clause]:
    for changed in (swapped(clause), reversed_(clause)):
        if changed is not None:
            yield changed
    if clause.predicate == "compare":
        yield replace(clause, subject=clause.object, object=clause.subject)
    yield from other_time(sampler, clause)


def _row(item: Paraphrase, language: Language) -> tuple[str, str, str]:
    first = sentence_of(language, item.first, time_first=item.time_first[0])
    return first, sentence_of(language, item.second, time_first=item.time_first[1]), item.label


SET = Paraphrases()
