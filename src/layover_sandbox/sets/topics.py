"""Topics: the topics of a short text out of ten, sometimes none; one object per line, with a list of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from layover_sandbox import world
from layover_sandbox.language import Language
from layover_sandbox.meaning import Clause, Org, Thing
from layover_sandbox.sampling import Sampler
from layover_sandbox.sets._base import DataSet, as_json_lines
from layover_sandbox.sets.nli import namesakes

_CATEGORIES: dict[str, tuple[str, ...]] = {
    "animals": ("pet", "wild", "bird"),
    "clothes": ("garment",),
    "food": ("fruit", "vegetable", "meal", "pastry", "drink"),
    "household": ("furniture", "opening", "building", "dish"),
    "reading": ("reading", "paper"),
    "traffic": ("vehicle",),
}
_VERBS: dict[str, tuple[str, ...]] = {
    "trade": ("buy", "sell"),
    "traffic": ("travel", "go", "come", "return"),
    "weather": world.WEATHER,
    "work": ("be_employed", "isa", "work"),
}
_CLASSES = {"fruit": "food", "drink": "food", "animal": "animals", "bird": "animals"}
"""Noun of a class -> topic."""
TOPICS = tuple(sorted({*_CATEGORIES, *_VERBS, "mood"}))
LENGTHS = (1, 1, 2, 2, 3)
"""Numbers of sentences."""

_OF_NOUN = {noun: topic for topic, names in _CATEGORIES.items() for name in names for noun in world.CATEGORIES[name]}
_OF_NOUN |= _CLASSES | dict.fromkeys(world.PROFESSIONS, "work")
_OF_VERB = {verb: topic for topic, verbs in _VERBS.items() for verb in verbs}


@dataclass(frozen=True, slots=True)
class TopicText:
    """Sentences about different people and things."""

    sentences: tuple[Clause, ...]

    def topics(self) -> list[str]:
        """Return their topics, in alphabetical order."""
        return sorted(set().union(*(touched(clause) for clause in self.sentences)))


class Topics(DataSet[TopicText]):
    """One to three unrelated sentences."""

    sizes: ClassVar[Mapping[str, int]] = {"train": 4_000, "validation": 400, "test": 500}

    def draw(self, sampler: Sampler) -> TopicText:
        count = sampler.dice.pick(LENGTHS)
        while True:
            sentences = tuple(sampler.own(sampler.any) for _ in range(count))
            if not namesakes(sentences):
                return TopicText(sentences)

    def path(self, split: str, language: str) -> str:
        return f"topics/{'dev' if split == 'validation' else split}-{language}.jsonl"

    def render(self, meanings: Sequence[TopicText], split: str, language: Language) -> str:  # noqa: ARG002
        return as_json_lines({"text": _text(item, language), "labels": item.topics()} for item in meanings)


def touched(clause: Clause) -> set[str]:
    """Return the topics of a sentence: from its verb, its things and organisations, and a state of a person."""
    topics = {_OF_VERB[clause.predicate]} if clause.predicate in _OF_VERB else set()
    for part in (clause.subject, clause.object, clause.third):
        if isinstance(part, Thing) and part.noun in _OF_NOUN:
            topics.add(_OF_NOUN[part.noun])
        if isinstance(part, Org):
            topics.add("work")
    if clause.predicate == "state" and clause.property in world.PERSON_STATES:
        topics.add("mood")
    return topics


def _text(item: TopicText, language: Language) -> str:
    return language.text_of([language.statement(language.clause(clause)) for clause in item.sentences])


SET = Topics()
