"""Adversarial natural language inference: claims do not reveal their label, and many exchange people or events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import ClassVar

from layover_sandbox import world
from layover_sandbox.inference import LABELS, exchanged, reversed_
from layover_sandbox.meaning import Clause, Name, Thing
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets.nli import Nli, Pair, namesakes


class Anli(Nli):
    """Claims of the same structure have all labels equally often.

    So a claim alone does not reveal its label: its roles and its time must be compared with the premise.
    """

    folder: ClassVar[str] = "anli"
    steps: ClassVar[int] = 3
    reordered: ClassVar[float] = 0.5

    def door(self) -> Callable[[Pair], bool]:
        """Return a filter that keeps the labels balanced among claims of the same structure."""
        seen: Counter[tuple[Hashable, str]] = Counter()

        def admits(pair: Pair) -> bool:
            groups = _builds(pair)
            if any(seen[group, pair.label] > min(seen[group, label] for label in LABELS) for group in groups):
                return False
            seen.update((group, pair.label) for group in groups)
            return True

        return admits

    def claim(self, sampler: Sampler, known: Sequence[Clause], about: Clause, label: str) -> Clause | None:
        mixed = _mixed(sampler, known, about, label) if len(known) == 3 and sampler.dice.chance(0.7) else None
        return mixed or super().claim(sampler, known, about, label)

    def known(self, sampler: Sampler) -> tuple[Clause, ...]:
        """Return one or two sentences as `Nli` does, or three: two share a verb, and two share a person."""
        if sampler.dice.chance(0.5):
            return super().known(sampler)
        first = sampler.own(lambda: sampler.detailed(sampler.event(subject=sampler.person()), time=0.8))
        other = sampler.person(first.subject, first.object, first.third)
        second = sampler.own(lambda: sampler.detailed(sampler.event(first.predicate, subject=other), time=0.8))
        third = sampler.own(lambda: sampler.detailed(sampler.event(subject=sampler.dice.pick([first.subject, other]))))
        sentences = (first, second, third)
        alike = third.predicate == first.predicate or (second.object, second.third) == (first.object, first.third)
        if alike or namesakes(sentences):
            return self.known(sampler)
        return tuple(sampler.dice.shuffled(sentences))


def _builds(pair: Pair) -> tuple[Hashable, ...]:
    """Return the structures of a claim without its entities: its verb, its property and its filled roles."""
    claim, thing = pair.hypothesis, pair.hypothesis.object
    details = tuple(part is not None for part in (thing, claim.third, claim.place, claim.time))
    kind = None
    if isinstance(thing, Thing):
        kind = (thing.definite, thing.count > 1, thing.adjective is not None, thing.noun in world.CLASSES)
    return (claim.predicate, claim.negated), (claim.property, claim.negated, details, kind)


def _mixed(sampler: Sampler, known: Sequence[Clause], about: Clause, label: str) -> Clause | None:
    """Return a claim from the words of the premise."""
    others = [clause for clause in known if clause is not about and isinstance(clause.subject, Name)]
    dice = sampler.dice
    if label == "neutral":
        other = dice.pick(others)
        change = dice.below(3)
        if change == 0 and other.subject not in (about.subject, about.object, about.third):
            return replace(about, subject=other.subject)
        if change == 1 and other.time is not None and about.time is None:
            return replace(about, time=other.time)
        return exchanged(about)
    if label == "contradiction":
        return reversed_(about)
    return None


SET = Anli()
