"""Meanings drawn at random from what fits together in the world."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from layover_sandbox import world
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Thing

T = TypeVar("T")

ANIMALS = (*world.CATEGORIES["pet"], *world.CATEGORIES["wild"])
ADJECTIVE_SHARE, COUNT_SHARE, INDEFINITE_SHARE = 0.35, 0.15, 0.35
FAMILY_SHARE = 0.3
CLASS_SHARE = 0.06
"""Of the things that belong to a class so many are called by its name: a fruit."""


class Dice:
    """Random choices that are the same in every version of Python: they rest on `random()` alone."""

    def __init__(self, *seed: object) -> None:
        # hashed, so that neighbouring seeds have nothing in common
        digest = hashlib.sha256("/".join(map(str, seed)).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - nothing secret

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self._random.random() < share

    def below(self, count: int) -> int:
        """Return a number from 0 to `count` - 1."""
        return int(self._random.random() * count)

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a random order."""
        left = list(items)
        for place in range(len(left) - 1, 0, -1):
            other = self.below(place + 1)
            left[place], left[other] = left[other], left[place]
        return left


class Sampler:
    """Draws entities and clauses; whatever it returns, every language can say.

    Args:
        dice: Where chance comes from.
        split: `train`, `validation` or `test`: what `own` draws from.
        domains: Domains of the verbs: `general`, `legal`, `biomedical`.
    """

    def __init__(self, dice: Dice, split: str = "train", domains: Sequence[str] = ("general",)) -> None:
        self.dice = dice
        self.split = split
        self._predicates = [name for name, predicate in world.PREDICATES.items() if predicate.domain in domains]

    def owns(self, clause: Clause) -> bool:
        """Return whether a clause may be told in this split: it is told in no other one, in no task.

        What things were like and that it rained, without a time, belongs to nobody: causes and effects say it in every
        split, and no task asks for it alone.
        """
        common = clause.predicate in {"state", *world.WEATHER} and clause.time is None and not clause.negated
        return (common and not names_somebody(clause)) or split_of(clause) == self.split

    def own(self, draw: Callable[[], Clause]) -> Clause:
        """Return a clause that belongs to the split."""
        while True:
            clause = draw()
            if split_of(clause) == self.split:
                return clause

    def person(self, *others: Entity | None, family: float = FAMILY_SHARE) -> Name:
        """Return somebody whose given name is not among the others'."""
        taken = {other.given for other in others if isinstance(other, Name)}
        given = self.dice.pick([name for name in world.GIVEN if name not in taken])
        return Name(given, self.dice.pick(world.FAMILIES) if self.dice.chance(family) else None)

    def thing(self, noun: str, *, plain: bool = False) -> Thing:
        """Return the noun, perhaps with an adjective, a number, indefinite, or its class; `plain` is `the noun`."""
        if plain:
            return Thing(noun)
        dice = self.dice
        if world.CLASSES_OF.get(noun) and noun not in world.MASS and dice.chance(CLASS_SHARE):
            return Thing(dice.pick(world.CLASSES_OF[noun]), definite=False)
        fitting = world.ATTRIBUTES.get(world.CATEGORY_OF.get(noun, ""), ())
        adjective = dice.pick(fitting) if fitting and dice.chance(ADJECTIVE_SHARE) else None
        if noun in world.MASS:
            return Thing(noun, adjective)
        if dice.chance(COUNT_SHARE):
            return Thing(noun, adjective, dice.pick(world.NUMBERS), definite=False)
        return Thing(noun, adjective, definite=not dice.chance(INDEFINITE_SHARE))

    def entity(self, sorts: str, *others: Entity | None, plain: bool = False) -> Entity:
        """Return an entity of one of the sorts (words separated by blanks) that is none of the others."""
        dice = self.dice
        for _ in range(100):
            sort = self._sort(sorts.split())
            entity: Entity
            if sort == "person":
                entity = self.person(*others)
            elif sort == "org":
                entity = Org(dice.pick(world.ORGS), dice.pick(world.ORG_SORTS))
            elif sort == "city":
                entity = City(dice.pick(world.CITIES))
            elif sort == "place":
                entity = Place(dice.pick(world.PLACES))
            elif sort == "profession":
                entity = Thing(dice.pick(world.PROFESSIONS))
            elif sort == "animal":
                entity = Thing(dice.pick(ANIMALS))
            elif sort in world.PROFESSIONS:
                entity = Thing(sort)
            else:
                entity = self.thing(dice.pick(world.CATEGORIES.get(sort, (sort,))), plain=plain)
            if all(not same(entity, other) for other in others):
                return entity
        raise ValueError(f"no other entity among {sorts}")

    def _sort(self, sorts: list[str]) -> str:
        """Return one of the sorts; people by name are met more often than by profession."""
        if "person" in sorts and self.dice.chance(0.6):
            return "person"
        return self.dice.pick(sorts)

    def event(self, predicate: str | None = None, *, plain: bool = False, subject: Entity | None = None) -> Clause:
        """Return a clause of a verb, without place and time.

        Args:
            predicate: A concept of `world.PREDICATES`; any when None.
            plain: All things are definite, single and without adjectives, so that the clause can be denied.
            subject: Who does it; must fit.
        """
        names = self._predicates
        if isinstance(subject, Name):
            names = [name for name in names if "person" in world.PREDICATES[name].subject]
        frame = world.PREDICATES[predicate or self.dice.pick(names)]
        who = subject or self.entity(frame.subject, plain=True)
        thing = self.entity(frame.object, who, plain=plain) if frame.object else None
        if frame.name in world.MAKING and isinstance(thing, Thing) and thing.adjective in world.VALUES:
            thing = replace(thing, adjective=None)
        third = self.entity(frame.third, who, thing) if frame.third else None
        return Clause(frame.name, who, thing, third)

    def time(self, predicate: str = "") -> str:
        """Return a time at which it can be told: nobody lives somewhere on a Monday only."""
        if predicate in world.TIMES_OF:
            return self.dice.pick(world.TIMES_OF[predicate])
        if predicate in world.LASTING:
            return str(self.dice.pick(world.YEARS))
        return self.dice.pick(world.TIMES) if self.dice.chance(0.75) else str(self.dice.pick(world.YEARS))

    def place(self, predicate: str = "") -> Place | City:
        """Return where something happens, or is."""
        return (
            Place(self.dice.pick(world.PLACES_OF.get(predicate, world.PLACES)))
            if self.dice.chance(0.6)
            else City(self.dice.pick(world.CITIES))
        )

    def takes_place(self, clause: Clause) -> bool:
        """Return whether a place can be added: the clause does not name one itself."""
        return (
            clause.predicate in world.PREDICATES
            and world.PREDICATES[clause.predicate].role not in {"into", "at"}
            and (not isinstance(clause.third, City | Place))
        )

    def detailed(self, clause: Clause, *, place: float = 0.3, time: float = 0.5) -> Clause:
        """Return the clause with a place and a time, each with its probability."""
        where = self.place(clause.predicate) if self.takes_place(clause) and self.dice.chance(place) else None
        lasts = clause.property in world.LASTING_STATES
        when = self.time(clause.predicate) if not lasts and self.dice.chance(time) else None
        return replace(clause, place=where, time=when)

    def state(self, subject: Entity | None = None) -> Clause:
        """Return how somebody, or a thing, was."""
        if subject is None and self.dice.chance(0.4):
            category = self.dice.pick(list(world.STATES_OF))
            noun = Thing(self.dice.pick(world.CATEGORIES.get(category, (category,))))
            return Clause("state", noun, property=self.dice.pick(world.STATES_OF[category]))
        return Clause(
            "state", subject or self.entity("person profession"), property=self.dice.pick(world.PERSON_STATES)
        )

    def profession(self, subject: Name | None = None) -> Clause:
        """Return what somebody is by profession."""
        return Clause("isa", subject or self.person(), property=self.dice.pick(world.JOBS))

    def comparison(self) -> Clause:
        """Return which of two things is more of something."""
        category = self.dice.pick(("pet", "wild", "vehicle", "ware", "furniture", "building"))
        first = Thing(self.dice.pick(world.CATEGORIES[category]))
        second = self.entity(category, first, plain=True)
        words = [word for word in world.COMPARABLE if word in world.ATTRIBUTES[category]]
        words += ["fast", "slow"] if category in {"pet", "wild", "vehicle"} else []
        return Clause("compare", first, second, property=self.dice.pick(words))

    def located(self) -> Clause:
        """Return where somebody or something was."""
        subject = self.entity("person ware tool toy dish", plain=True)
        return Clause("located", subject, third=self.place())

    def denied(self) -> Clause:
        """Return a clause that says that something was not so."""
        draw = self.dice.below(3)
        clause = self.event(plain=True) if draw == 0 else self.state() if draw == 1 else self.located()
        return replace(clause, negated=True)

    def weather(self) -> Clause:
        """Return what the weather was like, and when."""
        weather = self.dice.pick(world.WEATHER)
        return Clause(weather, time=self.time(weather))

    def any(self) -> Clause:
        """Return a clause of any sort."""
        draw = self.dice.below(20)
        if draw < 12:
            return self.detailed(self.event())
        if draw < 14:
            state = self.state()
            return self.detailed(state, place=0, time=0.5 if isinstance(state.subject, Name) else 1)
        if draw == 14:
            return self.detailed(self.located(), place=0)
        rest = (self.profession, self.comparison, self.weather, self.denied, self.denied)
        return rest[draw - 15]()


def names_somebody(clause: Clause) -> bool:
    """Return whether a clause speaks of somebody by name."""
    return any(isinstance(part, Name) for part in (clause.subject, clause.object, clause.third))


def repeats(clause: Clause, other: Clause) -> bool:
    """Return whether two clauses name the same one, other than both as the subject: then a pronoun is missing."""
    first, second = ([part for part in (c.subject, c.object, c.third, c.place) if part] for c in (clause, other))
    again = [(part, more) for part in first for more in second if same(part, more)]
    return any(
        part is not clause.subject or more is not other.subject or isinstance(part, Thing) for part, more in again
    )


def split_of(meaning: object) -> str:
    """Return the split that a meaning belongs to: eight tenths are for training, a tenth each to select and to test."""
    draw = hashlib.sha256(repr(meaning).encode()).digest()[0] % 10
    return {8: "validation", 9: "test"}.get(draw, "train")


def same(entity: Entity | None, other: Entity | None) -> bool:
    """Return whether two entities would be taken for the same one, whatever is told of them."""
    if isinstance(entity, Thing) and isinstance(other, Thing):
        return entity.noun == other.noun
    if isinstance(entity, Name) and isinstance(other, Name):
        return entity.given == other.given
    return entity == other


def facts() -> list[Fact]:
    """Return everything that holds in general."""
    return [
        *(Fact("found", noun, place) for noun, place in world.FOUND.items()),
        *(Fact("used", noun, purpose) for noun, purpose in world.USED.items()),
        *(Fact("kind", noun, name) for noun in world.NOUNS for name in world.CLASSES_OF[noun]),
        *(Fact("made", noun, material) for noun, material in world.MADE.items()),
    ]
