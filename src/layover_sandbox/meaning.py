"""The meaning of a sentence of the sandbox, independent of language: entities, clauses and general facts.

Every language renders the same meaning, so translations, labels, spans and tags are right by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Name:
    """A person with a name: concepts of `world.GIVEN` and, if the family name is given, of `world.FAMILIES`."""

    given: str
    family: str | None = None


@dataclass(frozen=True, slots=True)
class Org:
    """An organisation with its own name: `Lumina Bank` is `Org("lumina", "bank")`."""

    name: str
    sort: str


@dataclass(frozen=True, slots=True)
class City:
    """A city, a concept of `world.CITIES`."""

    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """A common place, a concept of `world.PLACES`; there is only one of each: `the market`."""

    noun: str


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing, an animal, or a person by profession: `the red car`, `a car`, `three cars`, `the doctor`.

    `count` is 1 or 3 to 9; counts above 1 are indefinite. Mass nouns (`world.MASS`) are definite.
    """

    noun: str
    adjective: str | None = None
    count: int = 1
    definite: bool = True


Entity = Name | Org | City | Place | Thing

Role = Literal["subject", "object", "third", "place", "time", "count"]
"""A role that a question can ask for; `count` is the number of the object."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement about particular people and things; in the past unless it is `isa` or `compare`.

    `predicate` is a concept of `world.PREDICATES`, whose frame gives the role of `third` (a recipient, a source, a
    goal, a location), or one of

    * `state`: the subject was `property` (of `world.STATES`);
    * `isa`: the named subject is `property` by profession (of `world.PROFESSIONS`);
    * `compare`: the subject is more `property` (of `world.COMPARABLE`) than the object;
    * `located`: the subject was at `third`;
    * a concept of `world.WEATHER`: no subject.

    A negated clause has no `place`, no `time`, and nothing indefinite or counted.
    """

    predicate: str
    subject: Entity | None = None
    object: Entity | None = None
    third: Entity | None = None
    place: Entity | None = None
    time: str | None = None
    """A concept of `world.TIMES`, or `"2015"`: a year."""
    property: str | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A general fact.

    * `found`: the noun `subject` is usually at the place `value`;
    * `used`: the noun `subject` serves the purpose `value` (of `world.PURPOSES`);
    * `kind`: the noun `subject` is a `value`, a noun of `world.CLASSES`;
    * `made`: the noun `subject` is made of the material `value` (of `world.MATERIALS`).
    """

    relation: Literal["found", "used", "kind", "made"]
    subject: str
    value: str
