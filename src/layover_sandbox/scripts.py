"""Causes and their effects in the world, with placeholders for people and nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from layover_sandbox import world
from layover_sandbox.meaning import Clause, Entity, Name, Thing
from layover_sandbox.sampling import Sampler

X, Y = Name("x"), Name("y")
"""The main person and another person."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cause and an effect of it."""

    cause: Clause
    effect: Clause
    topics: frozenset[str]
    """Topics of both; an effect of a cause with other topics is not an effect of this cause."""


def _state(subject: Entity, word: str) -> Clause:
    return Clause("state", subject, property=word)


def _any(category: str) -> Thing:
    """Return a placeholder for a noun of a category; all its occurrences in a link get the same noun."""
    return Thing(f"*{category}")


def _not(clause: Clause) -> Clause:
    return replace(clause, negated=True)


def _by(who: str, verb: str, whom: Entity) -> Clause:
    """Return an action of a member of a profession on a person."""
    return Clause(verb, Thing(who), whom)


_KEY, _DOOR, _COAT, _SHIRT = Thing("key"), Thing("door"), Thing("coat"), Thing("shirt")

LINKS: tuple[Link, ...] = tuple(
    Link(cause, effect, frozenset(topics.split()))
    for topics, cause, effect in (
        ("body mood food", _not(Clause("sleep", X)), _state(X, "tired")),
        ("body wealth mood", Clause("work", X), _state(X, "tired")),
        ("body food", Clause("run", X), _state(X, "thirsty")),
        ("body food mood", _state(X, "tired"), Clause("sleep", X)),
        ("body food mood", _state(X, "tired"), Clause("rest", X)),
        ("food", _state(X, "thirsty"), Clause("drink", X, _any("drink"))),
        ("food", _state(X, "hungry"), Clause("eat", X, _any("fruit"))),
        ("food", _state(X, "hungry"), Clause("cook", X, Thing("soup"))),
        ("home mood weather", Clause("lose", X, _KEY), _not(Clause("open", X, _DOOR))),
        ("home mood weather", Clause("find", X, _KEY), Clause("open", X, _DOOR)),
        ("mood", Clause("lose", X, _any("ware")), _state(X, "sad")),
        ("mood", Clause("find", X, _any("ware")), _state(X, "happy")),
        ("mood", Clause("break", X, _any("dish")), _state(Y, "angry")),
        ("mood body food", _state(X, "sad"), Clause("cry", X)),
        ("mood", _state(X, "happy"), Clause("laugh", X)),
        ("mood", _state(X, "happy"), Clause("sing", X)),
        ("mood", _state(X, "happy"), Clause("dance", X)),
        ("mood body", Clause("hit", Y, X), Clause("cry", X)),
        ("mood", Clause("help", Y, X), Clause("thank", X, Y)),
        ("mood", Clause("give", Y, _any("flower"), X), Clause("hug", X, Y)),
        ("mood", Clause("invite", Y, X), Clause("visit", X, Y)),
        ("food", Clause("eat", X, Thing("cake")), _not(_state(X, "hungry"))),
        ("home", _state(_SHIRT, "dirty"), Clause("wash", X, _SHIRT)),
        ("home", _state(Thing("car"), "broken"), Clause("repair", X, Thing("car"))),
        ("food", _state(Thing("soup"), "cold"), _not(Clause("eat", X, Thing("soup")))),
        ("food", _state(Thing("tea"), "hot"), _not(Clause("drink", X, Thing("tea")))),
        ("food", Clause("drink", X, Thing("water")), _state(Thing("bottle"), "empty")),
        ("food", Clause("buy", X, Thing("apple", count=6, definite=False)), _state(Thing("basket"), "full")),
        ("weather body home", Clause("rain"), _state(_COAT, "wet")),
        ("weather body home", Clause("rain"), Clause("need", X, Thing("umbrella"))),
        ("weather body", Clause("snow"), Clause("need", X, _COAT)),
        ("weather body home", Clause("dark"), Clause("need", X, Thing("lamp"))),
        ("weather body home", Clause("storm"), Clause("close", X, Thing("window"))),
        ("wealth mood", Clause("sell", X, Thing("house"), Y), _state(X, "rich")),
        ("wealth mood body", _state(X, "rich"), Clause("buy", X, Thing("house"))),
        ("law mood", Clause("steal", X, _any("ware"), Y), _by("police_officer", "arrest", X)),
        ("law mood", Clause("steal", X, Thing("bicycle"), Y), Clause("accuse", Y, X)),
        ("law mood", Clause("forge", X, Thing("contract")), Clause("sue", Y, X)),
        ("law mood", _state(X, "guilty"), _by("judge", "convict", X)),
        ("law mood", _state(X, "innocent"), _by("judge", "acquit", X)),
        ("law mood", Clause("accuse", Y, X), _by("lawyer", "defend", X)),
        ("body mood food", Clause("infect", Thing("virus"), X), _state(X, "sick")),
        ("body mood food", _state(X, "sick"), Clause("call", X, Thing("doctor"))),
        ("body mood food", _state(X, "sick"), Clause("take_medicine", X, Thing("pill"))),
        ("body mood home", Clause("fall", X), _by("doctor", "examine", X)),
        ("body mood", _by("doctor", "cure", X), _state(X, "healthy")),
        (
            "body",
            Clause("prescribe", Thing("doctor"), Thing("medicine"), X),
            Clause("take_medicine", X, Thing("medicine")),
        ),
        ("body", _by("nurse", "vaccinate", X), _not(Clause("infect", Thing("virus"), X))),
    )
)


def filled(clause: Clause, people: Mapping[str, Name], nouns: Mapping[str, str]) -> Clause:
    """Return a clause of a link with people and nouns filled in."""
    values: dict[str, Entity] = {}
    for field in fields(clause):
        value = getattr(clause, field.name)
        if isinstance(value, Name) and value.given in people:
            values[field.name] = people[value.given]
        elif isinstance(value, Thing) and value.noun in nouns:
            values[field.name] = replace(value, noun=nouns[value.noun])
    return replace(clause, **values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class FilledLink:
    """A link with its people and nouns."""

    link: Link
    people: Mapping[str, Name]
    nouns: Mapping[str, str]

    def fill(self, clause: Clause) -> Clause:
        """Return a clause, of this link or of another one, with people and nouns filled in."""
        return filled(clause, self.people, self.nouns)

    @property
    def cause(self) -> Clause:
        """The cause."""
        return self.fill(self.link.cause)

    @property
    def effect(self) -> Clause:
        """The effect."""
        return self.fill(self.link.effect)


def draw_link(sampler: Sampler) -> FilledLink:
    """Return a cause and its effect; their clauses about a person belong to the split of the sampler."""
    while True:
        person = sampler.person()
        people = {"x": person, "y": sampler.person(person)}
        nouns = {f"*{category}": sampler.dice.pick(choice) for category, choice in world.CATEGORIES.items()}
        link = FilledLink(sampler.dice.pick(LINKS), people, nouns)
        if sampler.owns(link.cause) and sampler.owns(link.effect):
            return link


def unrelated(sampler: Sampler, link: Link) -> list[Link]:
    """Return the links without a topic in common with a link, in random order."""
    return [other for other in sampler.dice.shuffled(LINKS) if not other.topics & link.topics]
