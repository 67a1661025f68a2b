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
    """A paragraph and a question about it."""

    sentences: tuple[Clause, ...]
    question: Clause
    role: Role
    answer: int | None
    """Index of the sentence with the answer; None without an answer."""


class Qa(DataSet[Question]):
    """Three to five sentences with recurring people and verbs, and a question that one sentence answers."""

    sizes: ClassVar[Mapping[str, int]] = LARGE
    folder: ClassVar[str] = "qa"
    lengths: ClassVar[tuple[int, ...]] = (3, 4, 5)
    unanswerable: ClassVar[float] = 0.0
    """Share of the questions without an answer."""

    def draw(self, sampler: Sampler) -> Question:
        dice = sampler.dice
        open_ = dice.chance(self.unanswerable)
        while True:
            sentences = self.paragraph(sampler, dice.pick(self.lengths))
            place = dice.below(len(sentences))
            roles = askable(sentences[place], named=not is_continued(sentences, place))
            if not roles:
                continue
            role = dice.pick(roles)
            question: Clause | None = shortened(sampler, sentences[place], role)
            if open_ and question is not None:
                question = _nobody(sampler, question, sentences)
            if question is None:
                continue
            answering = [number for number, clause in enumerate(sentences) if answers(clause, question, role)]
            if answering == ([] if open_ else [place]):
                return Question(sentences, question, role, None if open_ else place)

    def paragraph(self, sampler: Sampler, count: int) -> tuple[Clause, ...]:
        """Return sentences about a few people; consecutive sentences may have the same subject."""
        cast: list[Name] = []
        while len(cast) < PEOPLE:
            cast.append(sampler.person(*cast))
        clauses: list[Clause] = []
        while len(clauses) < count:
            clause = sampler.own(lambda: self.sentence(sampler, sampler.dice.pick(cast), clauses))
            if all(_distinct(clause, other) for other in clauses):
                clauses.append(clause)
        return tuple(clauses)

    def sentence(self, sampler: Sampler, who: Name, before: Sequence[Clause]) -> Clause:
        """Return a sentence; its verb is often a verb of an earlier sentence."""
        dice = sampler.dice
        if dice.chance(0.25):
            clause = sampler.any()
            while clause.negated:
                clause = sampler.any()
            return clause
        if dice.chance(0.15):
            return sampler.detailed(dice.pick((sampler.state, sampler.profession))(who), place=0, time=0)
        used = [clause.predicate for clause in before if clause.predicate in world.PREDICATES]
        used = [name for name in used if "person" in world.PREDICATES[name].subject]
        predicate = dice.pick(used) if used and dice.chance(0.35) else None
        return sampler.detailed(sampler.event(predicate, subject=who), place=0.4, time=0.6)

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
                    raise ValueError(f"{language.code}: {sentence.text!r} has no {item.role}")
                start, answer = len(context) + span[0], sentence.text[span[0] : span[1]]
            context += sentence.text
        text = language.inquiry(language.question(item.question, item.role)).text
        answers_ = [{"text": answer, "answer_start": start}] if item.answer is not None else []
        entry: dict[str, Any] = {"id": f"{number:06d}", "question": text, "answers": answers_}
        if self.unanswerable:
            entry["is_impossible"] = item.answer is None
        return {"context": context, "qas": [entry]}


def is_continued(sentences: Sequence[Clause], place: int) -> bool:
    """Return whether a sentence has the person of the previous one as subject, so that it becomes a pronoun."""
    before = sentences[place - 1].subject if place else None
    return isinstance(before, Name) and sentences[place].subject == before


def askable(clause: Clause, *, named: bool) -> list[Role]:
    """Return the roles of a clause that a question can ask for."""
    if clause.negated or clause.predicate in {"compare", *world.WEATHER}:
        return []
    roles = [role for role in ROLES if role not in {"subject", "count"} and getattr(clause, role) is not None]
    who = clause.subject
    if named and (isinstance(who, Name) or (isinstance(who, Thing) and who.noun in world.PROFESSIONS)):
        roles.append("subject")
    if isinstance(clause.object, Thing) and clause.object.count > 1:
        roles.append("count")
    return roles


def shortened(sampler: Sampler, clause: Clause, role: Role) -> Clause:
    """Return the clause of a question: it repeats time and place only sometimes."""
    time = clause.time if role == "time" or sampler.dice.chance(0.3) else None
    place = clause.place if role == "place" or sampler.dice.chance(0.3) else None
    return replace(clause, time=time, place=place)


def answers(clause: Clause, question: Clause, role: Role) -> bool:
    """Return whether a clause, or its converse, could answer a question."""
    if clause.negated:
        return False
    other_side = converse(clause)
    if question.predicate in _WHEREABOUTS and role in {"third", "place"} and clause.subject and question.subject:
        somewhere = clause.place is not None or isinstance(clause.third, City | Place | Org)
        if (
            somewhere
            and clause.predicate in _WHEREABOUTS[question.predicate]
            and same(clause.subject, question.subject)
        ):
            return True
    return any(_says(side, question, role) for side in (clause, other_side) if side is not None)


_ANYTHING = (*world.PREDICATES, "located", "state")
_WHEREABOUTS = {"located": _ANYTHING, "work": ("work", "be_employed"), "be_employed": ("work", "be_employed")}
"""Predicate of a question for a place -> predicates that also reveal the place."""


def _says(clause: Clause, question: Clause, role: Role) -> bool:
    """Return whether a clause matches the question and has the role of the answer."""
    if clause.predicate != question.predicate or clause.property != question.property:
        return False
    for name in ("subject", "object", "third", "place", "time"):
        value, wanted = getattr(clause, name), getattr(question, name)
        if name == role or (name == "object" and role == "count"):
            if value is None or (role == "count" and not same(value, wanted)):
                return False
        elif wanted is not None and (value is None or not (value == wanted or _alike(value, wanted))):
            return False
    return True


def _alike(value: object, wanted: object) -> bool:
    """Return whether two entities could be confused."""
    known = (Name, Thing)
    return isinstance(value, known) and isinstance(wanted, known) and same(value, wanted)


def _distinct(clause: Clause, other: Clause) -> bool:
    return (clause.predicate, clause.subject) != (other.predicate, other.subject)


def _nobody(sampler: Sampler, question: Clause, sentences: Sequence[Clause]) -> Clause | None:
    """Return the question about another person, often of the same paragraph, or about another time."""
    dice = sampler.dice
    people = [clause.subject for clause in sentences if isinstance(clause.subject, Name)]
    others = [who for who in people if who not in (question.subject, question.object, question.third)]
    if isinstance(question.subject, Name) and others and dice.chance(0.7):
        return replace(question, subject=dice.pick(others))
    if isinstance(question.subject, Name):
        return replace(question, subject=sampler.person(question.subject, question.object, question.third))
    return next(other_time(sampler, question), None)


SET = Qa()
