"""Random meanings from compatible concepts of the world."""

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
"""Share of the things with a class that are named by the class: a fruit."""


class Dice:
    """Random choices that are the same in every version of Python: they use only `random()`."""

    def __init__(self, *seed: object) -> None:
        # hashed, so that neighbouring seeds are independent
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
    """Draws entities and clauses that every language can express.

    Args:
        dice: Source of random choices.
        split: `train`, `validation` or `test`; `own` draws from it.
        domains: Domains of the verbs: `general`, `legal`, `biomedical`.
    """

    def __init__(self, dice: Dice, split: str = "train", domains: Sequence[str] = ("general",)) -> None:
        self.dice = dice
        self.split = split
        self._predicates = [name for name, predicate in world.PREDICATES.items() if predicate.domain in domains]

    def owns(self, clause: Clause) -> bool:
        """Return whether a clause may appear in this split; each clause appears in a single split over all tasks.

        States of things and weather without a time may appear in every split: causes and effects need them, and no task
        consists of them alone.
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
        """Return a person whose given name differs from the others."""
        taken = {other.given for other in others if isinstance(other, Name)}
        given = self.dice.pick([name for name in world.GIVEN if name not in taken])
        return Name(given, self.dice.pick(world.FAMILIES) if self.dice.chance(family) else None)

    def thing(self, noun: str, *, plain: bool = False) -> Thing:
        """Return the noun, perhaps indefinite, with an adjective or number, or its class; `plain` gives `the noun`."""
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
        """Return an entity of one of the sorts (words separated by blanks) that differs from the others."""
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
        """Return one of the sorts; people appear more often by name than by profession."""
        if "person" in sorts and self.dice.chance(0.6):
            return "person"
        return self.dice.pick(sorts)

    def event(self, predicate: str | None = None, *, plain: bool = False, subject: Entity | None = None) -> Clause:
        """Return a clause of a verb, without place and time.

        Args:
            predicate: A concept of `world.PREDICATES`; None: any.
            plain: Whether all things are definite, single and without adjectives, so that the clause can be negated.
            subject: Subject; must fit the predicate.
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
        """Return a time that fits a predicate: lasting predicates such as `live` get a year, not a weekday."""
        if predicate in world.TIMES_OF:
            return self.dice.pick(world.TIMES_OF[predicate])
        if predicate in world.LASTING:
            return str(self.dice.pick(world.YEARS))
        return self.dice.pick(world.TIMES) if self.dice.chance(0.75) else str(self.dice.pick(world.YEARS))

    def place(self, predicate: str = "") -> Place | City:
        """Return a place or city that fits a predicate."""
        return (
            Place(self.dice.pick(world.PLACES_OF.get(predicate, world.PLACES)))
            if self.dice.chance(0.6)
            else City(self.dice.pick(world.CITIES))
        )

    def takes_place(self, clause: Clause) -> bool:
        """Return whether a place can be added: the clause has none yet."""
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
        """Return a state of a person or a thing."""
        if subject is None and self.dice.chance(0.4):
            category = self.dice.pick(list(world.STATES_OF))
            noun = Thing(self.dice.pick(world.CATEGORIES.get(category, (category,))))
            return Clause("state", noun, property=self.dice.pick(world.STATES_OF[category]))
        return Clause(
            "state", subject or self.entity("person profession"), property=self.dice.pick(world.PERSON_STATES)
        )

    def profession(self, subject: Name | None = None) -> Clause:
        """Return a clause with the profession of a person."""
        return Clause("isa", subject or self.person(), property=self.dice.pick(world.JOBS))

    def comparison(self) -> Clause:
        """Return a comparison of two things."""
        category = self.dice.pick(("pet", "wild", "vehicle", "ware", "furniture", "building"))
        first = Thing(self.dice.pick(world.CATEGORIES[category]))
        second = self.entity(category, first, plain=True)
        words = [word for word in world.COMPARABLE if word in world.ATTRIBUTES[category]]
        words += ["fast", "slow"] if category in {"pet", "wild", "vehicle"} else []
        return Clause("compare", first, second, property=self.dice.pick(words))

    def located(self) -> Clause:
        """Return a clause with the location of a person or a thing."""
        subject = self.entity("person ware tool toy dish", plain=True)
        return Clause("located", subject, third=self.place())

    def denied(self) -> Clause:
        """Return a negated clause."""
        draw = self.dice.below(3)
        clause = self.event(plain=True) if draw == 0 else self.state() if draw == 1 else self.located()
        return replace(clause, negated=True)

    def weather(self) -> Clause:
        """Return a clause about the weather, with a time."""
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
    """Return whether a clause contains a person by name."""
    return any(isinstance(part, Name) for part in (clause.subject, clause.object, clause.third))


def repeats(clause: Clause, other: Clause) -> bool:
    """Return whether two clauses repeat an entity, except as subject of both: then a pronoun would be missing."""
    first, second = ([part for part in (c.subject, c.object, c.third, c.place) if part] for c in (clause, other))
    again = [(part, more) for part in first for more in second if same(part, more)]
    return any(
        part is not clause.subject or more is not other.subject or isinstance(part, Thing) for part, more in again
    )


def split_of(meaning: object) -> str:
    """Return the split of a meaning: 80 % belong to training, 10 % to validation, 10 % to test."""
    draw = hashlib.sha256(repr(meaning).encode()).digest()[0] % 10
    return {8: "validation", 9: "test"}.get(draw, "train")


def same(entity: Entity | None, other: Entity | None) -> bool:
    """Return whether two entities could be understood as the same one, independent of their details."""
    if isinstance(entity, Thing) and isinstance(other, Thing):
        return entity.noun == other.noun
    if isinstance(entity, Name) and isinstance(other, Name):
        return entity.given == other.given
    return entity == other


def facts() -> list[Fact]:
    """Return all general facts."""
    return [
        *(Fact("found", noun, place) for noun, place in world.FOUND.items()),
        *(Fact("used", noun, purpose) for noun, purpose in world.USED.items()),
        *(Fact("kind", noun, name) for noun in world.NOUNS for name in world.CLASSES_OF[noun]),
        *(Fact("made", noun, material) for noun, material in world.MADE.items()),
    ]
