"""Extractive question answering: a paragraph, a question, the words that answer it; in SQuAD's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from layover_sandbox import world
from layover_sandbox.inference import converse, other_time
from layover_sandbox.language import Language
from layover_sandbox.meaning import City, Clause, Name, Org, Place, Role, Thing
from layover_sandbox.sampling import Sampler, same
from layover_sandbox.sets._base import LARGE, DataSet

PEOPLE = 3
ROLES: tuple[Role, ...] = ("subject", "object", "third", "place", "time", "count")


@dataclass(frozen=True, slots=True)
class Question:
    """A paragraph and what is asked of it."""

    sentences: tuple[Clause, ...]
    asked: Clause
    role: Role
    answer: int | None
    """The sentence that answers; None when none does."""


class Qa(DataSet[Question]):
    """Three to five sentences in which people and verbs return, one question that one of them answers."""

    sizes: ClassVar[Mapping[str, int]] = LARGE
    folder: ClassVar[str] = "qa"
    lengths: ClassVar[tuple[int, ...]] = (3, 4, 5)
    unanswerable: ClassVar[float] = 0.0
    """Share of the questions that nothing answers."""

    def draw(self, sampler: Sampler) -> Question:
        dice = sampler.dice
        open_ = dice.chance(self.unanswerable)
        while True:
            sentences = self.paragraph(sampler, dice.pick(self.lengths))
            place = dice.below(len(sentences))
            roles = askable(sentences[place], told_by_name=not is_continued(sentences, place))
            if not roles:
                continue
            role = dice.pick(roles)
            asked: Clause | None = shortened(sampler, sentences[place], role)
            if open_ and asked is not None:
                asked = _nobody(sampler, asked, sentences)
            if asked is None:
                continue
            answering = [number for number, clause in enumerate(sentences) if answers(clause, asked, role)]
            if answering == ([] if open_ else [place]):
                return Question(sentences, asked, role, None if open_ else place)

    def paragraph(self, sampler: Sampler, count: int) -> tuple[Clause, ...]:
        """Return sentences about a few people; somebody may do several things in a row."""
        cast: list[Name] = []
        while len(cast) < PEOPLE:
            cast.append(sampler.person(*cast))
        found: list[Clause] = []
        while len(found) < count:
            clause = sampler.own(lambda: self.sentence(sampler, sampler.dice.pick(cast), found))
            if all(_distinct(clause, other) for other in found):
                found.append(clause)
        return tuple(found)

    def sentence(self, sampler: Sampler, who: Name, before: Sequence[Clause]) -> Clause:
        """Return one sentence, with a verb that was already used rather often."""
        dice = sampler.dice
        if dice.chance(0.25):
            clause = sampler.any()
            while clause.negated:
                clause = sampler.any()
            return clause
        if dice.chance(0.15):
            return sampler.told(dice.pick((sampler.state, sampler.profession))(who), place=0, time=0)
        used = [clause.predicate for clause in before if clause.predicate in world.PREDICATES]
        used = [name for name in used if "person" in world.PREDICATES[name].subject]
        predicate = dice.pick(used) if used and dice.chance(0.35) else None
        return sampler.told(sampler.event(predicate, subject=who), place=0.4, time=0.6)

    def path(self, split: str, language: str) -> str:
        return f"{self.folder}/{'dev' if split == 'validation' else split}-{language}.json"

    def render(self, meanings: Sequence[Question], split: str, language: Language) -> str:  # noqa: ARG002
        paragraphs = [self._paragraph(number, item, language) for number, item in enumerate(meanings)]
        articles = [{"title": "sandbox", "paragraphs": paragraphs}]
        version = "v2.0" if self.unanswerable else "1.1"
        return json.dumps({"version": version, "data": articles}, ensure_ascii=False)

    def _paragraph(self, number: int, item: Question, language: Language) -> dict[str, Any]:
        context, start, answer = "", 0, ""
        for place, clause in enumerate(item.sentences):
            again = is_continued(item.sentences, place)
            sentence = language.statement(language.clause(clause, pronoun=again))
            context += " " if context and language.spaces else ""
            if place == item.answer:
                span = sentence.span(item.role)
                if span is None:
                    raise ValueError(f"{language.code}: {sentence.text!r} does not say its {item.role}")
                start, answer = len(context) + span[0], sentence.text[span[0] : span[1]]
            context += sentence.text
        question = language.inquiry(language.question(item.asked, item.role)).text
        answers_ = [{"text": answer, "answer_start": start}] if item.answer is not None else []
        asked: dict[str, Any] = {"id": f"{number:06d}", "question": question, "answers": answers_}
        if self.unanswerable:
            asked["is_impossible"] = item.answer is None
        return {"context": context, "qas": [asked]}


def is_continued(sentences: Sequence[Clause], place: int) -> bool:
    """Return whether a sentence goes on about the person of the one before, so that a pronoun stands for them."""
    before = sentences[place - 1].subject if place else None
    return isinstance(before, Name) and sentences[place].subject == before


def askable(clause: Clause, *, told_by_name: bool) -> list[Role]:
    """Return the roles of a clause that a question can ask for."""
    if clause.negated or clause.predicate in {"compare", *world.WEATHER}:
        return []
    found = [role for role in ROLES if role not in {"subject", "count"} and getattr(clause, role) is not None]
    who = clause.subject
    if told_by_name and (isinstance(who, Name) or (isinstance(who, Thing) and who.noun in world.PROFESSIONS)):
        found.append("subject")
    if isinstance(clause.object, Thing) and clause.object.count > 1:
        found.append("count")
    return found


def shortened(sampler: Sampler, clause: Clause, role: Role) -> Clause:
    """Return what a question repeats of a clause: its time and place only sometimes."""
    time = clause.time if role == "time" or sampler.dice.chance(0.3) else None
    place = clause.place if role == "place" or sampler.dice.chance(0.3) else None
    return replace(clause, time=time, place=place)


def answers(clause: Clause, asked: Clause, role: Role) -> bool:
    """Return whether a clause, or what it says from the other side, could answer a question."""
    if clause.negated:
        return False
    told = converse(clause)
    if asked.predicate in _WHEREABOUTS and role in {"third", "place"} and clause.subject and asked.subject:
        somewhere = clause.place is not None or isinstance(clause.third, City | Place | Org)
        if somewhere and clause.predicate in _WHEREABOUTS[asked.predicate] and same(clause.subject, asked.subject):
            return True
    return any(_says(one, asked, role) for one in (clause, told) if one is not None)


_ANYTHING = (*world.PREDICATES, "located", "state")
_WHEREABOUTS = {"located": _ANYTHING, "work": ("work", "be_employed"), "be_employed": ("work", "be_employed")}
"""Predicate of a question for a place -> what also tells where somebody was."""


def _says(clause: Clause, asked: Clause, role: Role) -> bool:
    """Return whether a clause says all that is asked with, and the role that is asked for."""
    if clause.predicate != asked.predicate or clause.property != asked.property:
        return False
    for name in ("subject", "object", "third", "place", "time"):
        said, wanted = getattr(clause, name), getattr(asked, name)
        if name == role or (name == "object" and role == "count"):
            if said is None or (role == "count" and not same(said, wanted)):
                return False
        elif wanted is not None and (said is None or not (said == wanted or _alike(said, wanted))):
            return False
    return True


def _alike(said: object, wanted: object) -> bool:
    """Return whether two entities could be taken for one another."""
    known = (Name, Thing)
    return isinstance(said, known) and isinstance(wanted, known) and same(said, wanted)


def _distinct(clause: Clause, other: Clause) -> bool:
    return (clause.predicate, clause.subject) != (other.predicate, other.subject)


def _nobody(sampler: Sampler, asked: Clause, sentences: Sequence[Clause]) -> Clause | None:
    """Return the question about somebody else, often somebody of the same paragraph, or about another time."""
    dice = sampler.dice
    people = [clause.subject for clause in sentences if isinstance(clause.subject, Name)]
    others = [who for who in people if who not in (asked.subject, asked.object, asked.third)]
    if isinstance(asked.subject, Name) and others and dice.chance(0.7):
        return replace(asked, subject=dice.pick(others))
    if isinstance(asked.subject, Name):
        return replace(asked, subject=sampler.person(asked.subject, asked.object, asked.third))
    return next(other_time(sampler, asked), None)


SET = Qa()
