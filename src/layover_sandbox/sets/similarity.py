"""Similarity: the overlap in meaning of two sentences; in the layout of the multilingual STS benchmark."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from layover_sandbox import world
from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause, Place, Thing
from layover_sandbox.sampling import Sampler, same
from layover_sandbox.sets._base import DataSet, sentence_of

SLOTS = ("subject", "predicate", "object", "place", "time")
VARIED = 0.4
"""Share of kept objects whose details are drawn again: the red car, three cars."""


@dataclass(frozen=True, slots=True)
class Similar:
    """Two sentences with subject, verb, object, place and time."""

    first: Clause
    second: Clause
    time_first: tuple[bool, bool]

    def score(self) -> float:
        """Return the similarity; see `agreement`."""
        return agreement(self.first, self.second)


class Similarity(DataSet[Similar]):
    """Two events that share none to all of subject, verb, object, place and time; the word order varies."""

    sizes: ClassVar[Mapping[str, int]] = {"train": 4_000, "validation": 400, "test": 500}

    def draw(self, sampler: Sampler) -> Similar:
        dice = sampler.dice
        changed = frozenset(dice.shuffled(SLOTS)[: dice.below(len(SLOTS) + 1)])
        first = _event(sampler)
        while True:
            second = _changed(sampler, first, changed)
            if second is not None and sampler.owns(second):
                orders = dice.chance(0.3), dice.chance(0.3)
                return Similar(first, second, (False, True) if second == first else orders)
            first = _event(sampler)

    def path(self, split: str, language: str) -> str:
        return f"similarity/similarity-{language}-{'dev' if split == 'validation' else split}.csv"

    def render(self, meanings: Sequence[Similar], split: str, language: Language) -> str:  # noqa: ARG002
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(_row(item, language) for item in meanings)
        return text.getvalue()


def agreement(first: Clause, second: Clause) -> float:
    """Return the number of equal slots among subject, verb, object, place and time: 0 to 5.

    An object with the same noun but another adjective or number counts 0.5.
    """
    equal = [slot for slot in SLOTS if slot != "object" and getattr(first, slot) == getattr(second, slot)]
    return len(equal) + _alike(first.object, second.object)


def _alike(first: object, second: object) -> float:
    if not isinstance(first, Thing) or not isinstance(second, Thing) or first.noun != second.noun:
        return float(first == second)
    return 1.0 if (first.adjective, first.count) == (second.adjective, second.count) else 0.5


def _event(sampler: Sampler) -> Clause:
    """Return an event of the split that fills all five slots."""

    def draw() -> Clause:
        while True:
            clause = sampler.detailed(sampler.event(subject=sampler.person()), place=1, time=1)
            if clause.third is None and all(getattr(clause, slot) is not None for slot in SLOTS):
                return clause

    return sampler.own(draw)


def _changed(sampler: Sampler, first: Clause, changed: frozenset[str]) -> Clause | None:
    """Return the event with other values in the changed slots, or None if the draw does not fit."""
    dice, clause = sampler.dice, first
    if "predicate" in changed:
        others = [name for name in world.PREDICATES if name != first.predicate and _fits(name, first)]
        if not others:
            return None
        clause = replace(clause, predicate=dice.pick(others))
    if "subject" in changed:
        clause = replace(clause, subject=sampler.person(first.subject, first.object))
    if "object" in changed:
        clause = replace(clause, object=sampler.event(clause.predicate, subject=clause.subject).object)
    elif isinstance(clause.object, Thing) and clause.object.noun in world.NOUNS and dice.chance(VARIED):
        clause = replace(clause, object=sampler.thing(clause.object.noun))
    if "place" in changed:
        clause = replace(clause, place=sampler.place(clause.predicate))
    if "time" in changed:
        clause = replace(clause, time=sampler.time(clause.predicate))
    differs = {slot for slot in SLOTS if slot != "object" and getattr(first, slot) != getattr(clause, slot)}
    differs |= {"object"} if _alike(first.object, clause.object) == 0 else set()
    return clause if differs == changed and not same(clause.subject, clause.object) and not _made_old(clause) else None


def _fits(predicate: str, clause: Clause) -> bool:
    """Return whether a verb fits the object and the place of a clause."""
    frame, thing = world.PREDICATES[predicate], clause.object
    if frame.domain != "general" or frame.third or "person" not in frame.subject.split():
        return False
    where = world.PLACES_OF.get(predicate)
    if where is not None and isinstance(clause.place, Place) and clause.place.noun not in where:
        return False
    sorts = {"person"} if not isinstance(thing, Thing) else {thing.noun, world.CATEGORY_OF.get(thing.noun)}
    sorts |= {"profession"} if isinstance(thing, Thing) and thing.noun in world.PROFESSIONS else set()
    return not sorts.isdisjoint(frame.object.split())


def _made_old(clause: Clause) -> bool:
    """Return whether an object that is created now has an adjective of age or price."""
    thing = clause.object
    return clause.predicate in world.MAKING and isinstance(thing, Thing) and thing.adjective in world.VALUES


def _row(item: Similar, language: Language) -> tuple[str, str, str]:
    first = sentence_of(language, item.first, time_first=item.time_first[0])
    return first, sentence_of(language, item.second, time_first=item.time_first[1]), str(item.score())


SET = Similarity()
