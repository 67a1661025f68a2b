"""Chinese: circumstances before the verb, classifiers, 了 for finished events, 是 ... 的 in questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from layover_sandbox.language import Phrase, Word, comma
from layover_sandbox.languages._zh_nouns import ONE, ChineseNouns, is_animal, parsed
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import GIVEN, PREDICATES, WEATHER

IS, OF, AT = Word("是", "AUX"), Word("的", "PART"), Word("在", "ADP")
KIND = Word("种", "NOUN")
WHO, WHAT, WHERE = Word("谁", "PRON"), Word("什么", "PRON"), Word("哪里", "PRON")


@cache
def _without_aspect(pattern: str) -> str:
    return " ".join(part for part in pattern.split() if part != "了")


@dataclass(frozen=True, slots=True)
class _Slot:
    """The value of O or T in the pattern of a verb."""

    role: str
    words: tuple[Word, ...]
    entity: str | None = None
    person: bool = False


class Chinese(ChineseNouns):
    """The grammar of Chinese."""

    name: ClassVar[str] = "Chinese"
    script: ClassVar[str] = "Han"
    spaces: ClassVar[bool] = False
    stop: ClassVar[str] = "。"
    asks: ClassVar[str] = "？"
    comma: ClassVar[str] = "，"

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        time = self._time(clause.time)
        if clause.predicate in WEATHER:
            return [*time, Phrase("verb", parsed(self.entry("weather", clause.predicate)[0], "VERB"))]
        rest = [*self._where(clause), *self._predicate(clause)]
        if time and time_first:
            return [*time, comma(self), self._subject(clause, pronoun), *rest]
        return [self._subject(clause, pronoun), *time, *rest]

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        time, where = self._time(clause.time), self._where(clause)
        subject = self._subject(clause, pronoun=False)
        if role == "subject":
            return [Phrase("ask", (WHO,)), *time, *where, *self._predicate(clause, role)]
        question_word: list[Phrase] = []
        if role == "time":
            question_word, time = [Phrase("ask", (WHAT, Word("时候", "NOUN")))], []
        elif role == "place":
            question_word, where = [Phrase("ask", (AT, WHERE), (1, 2))], []
        if (question_word or (role == "third" and clause.predicate == "come")) and self._is_known(clause):
            framed = [Phrase("verb", (IS,)), *question_word, *where, *self._event(clause, role, bare=True)]
            return [subject, *time, *framed, Phrase("verb", (OF,))]
        return [subject, *time, *question_word, *where, *self._predicate(clause, role)]

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        link = Phrase("link", (Word("因为", "SCONJ"),))
        again = self.is_same_person(effect.subject, cause.subject)
        return [*self.clause(effect), comma(self), link, *self.clause(cause, pronoun=again)]

    def fact(self, fact: Fact) -> list[Phrase]:
        subject = self.noun(fact.subject)
        if fact.relation == "found":
            return [self._at("third", Place(fact.value)), self._can_find(), Phrase("object", subject)]
        if fact.relation == "used":
            purpose = Phrase("third", parsed(self.entry("purposes", fact.value)[0], "VERB"))
            return [*self._people_use(), Phrase("object", subject), purpose]
        if fact.relation == "kind":
            value = Phrase("property", (ONE, KIND, *self.noun(fact.value)))
            return [Phrase("subject", subject), Phrase("verb", (IS,)), value]
        material = (Word("用", "ADP"), *parsed(self.entry("materials", fact.value)[0], "NOUN"))
        return self._made(fact, Phrase("third", material, (1, len(material))))

    def fact_question(self, fact: Fact) -> list[Phrase]:
        if fact.relation == "found":
            question_word = Phrase("ask", (AT, WHERE), (1, 2))
            return [question_word, self._can_find(), Phrase("object", self.noun(fact.subject))]
        if fact.relation == "used":
            purpose = Phrase("third", parsed(self.entry("purposes", fact.value)[0], "VERB"))
            return [*self._people_use(), Phrase("ask", (WHAT,)), purpose]
        if fact.relation == "kind":
            question_word = Phrase("ask", (Word("下面", "NOUN"), Word("哪", "DET"), ONE, Word("个", "NOUN")))
            return [question_word, Phrase("verb", (IS,)), Phrase("property", self.noun(fact.value))]
        return self._made(fact, Phrase("ask", (Word("用", "ADP"), WHAT), (1, 2)))

    def citation(self, concept: str) -> str:
        for section in ("nouns", "places", "materials"):
            if concept in self.lexicon[section]:
                return "".join(word.text for word in parsed(self.lexicon[section][concept][0], "NOUN"))
        return self.entry("nouns", concept)[0]

    # parts of a clause

    def _subject(self, clause: Clause, pronoun: bool) -> Phrase:
        if pronoun and isinstance(clause.subject, Name):
            return Phrase("subject", (Word("他" if GIVEN[clause.subject.given] == "m" else "她", "PRON"),))
        words, entity = self.named("subject", clause.subject)
        return Phrase("subject", words, entity=entity)

    def _time(self, time: str | None) -> list[Phrase]:
        if time is None:
            return []
        if time.isdecimal():
            return [Phrase("time", (Word(time, "NUM"), Word("年", "NOUN")))]
        return [Phrase("time", parsed(self.entry("times", time)[0], "NOUN"))]

    def _where(self, clause: Clause) -> list[Phrase]:
        return [] if clause.place is None else [self._at("place", clause.place)]

    def _at(self, role: str, where: Entity | None) -> Phrase:
        place = self._place(role, where)
        return Phrase(role, (AT, *place.words), (1, 1 + place.answer[1]), place.entity)

    def _place(self, role: str, where: Entity | None) -> Phrase:
        """Return the place, and its localizer (in, on) if it has one."""
        words, entity = self.named(role, where)
        localizer: tuple[Word, ...] = ()
        if isinstance(where, Place):
            localizer = tuple(Word(text, "ADP") for text in self.entry("places", where.noun)[1:])
        return Phrase(role, (*words, *localizer), (0, len(words)), entity)

    def _predicate(self, clause: Clause, query: Role | None = None) -> list[Phrase]:
        """Return the verb and its complements, with a question word for the queried role."""
        if clause.predicate == "state":
            return self._state(clause)
        if clause.predicate not in {"located", "isa", "compare"}:
            return self._event(clause, query)
        denied = [Phrase("not", (Word("不", "ADV"),))] if clause.negated else []
        if clause.predicate == "isa":
            counted = () if clause.negated or query == "subject" else (ONE, self.classifier(clause.property or ""))
            return [*denied, Phrase("verb", (IS,)), Phrase("property", (*counted, *self.noun(clause.property or "")))]
        if clause.predicate == "compare":
            words, entity = self.named("object", clause.object)
            noun = clause.subject.noun if isinstance(clause.subject, Thing) else ""
            compared = parsed(self.adjective(clause.property or "", noun)[1], "ADJ")
            than = Phrase("link", (Word("比", "ADP"),))
            return [*denied, than, Phrase("object", words, entity=entity), Phrase("property", compared)]
        at = Phrase("verb", (Word("在", "VERB"),))
        return [*denied, at, Phrase("ask", (WHERE,)) if query == "third" else self._place("third", clause.third)]

    def _state(self, clause: Clause) -> list[Phrase]:
        state, noun = clause.property or "", clause.subject.noun if isinstance(clause.subject, Thing) else ""
        fields = self.lexicon["states_of"].get(f"{state} {noun}") or self.entry("states", state)
        words = parsed(fields[1 if clause.negated else 0], "ADJ")
        phrases: list[Phrase] = []
        while words[0].text in {"不", "没有", "是"}:
            phrases.append(Phrase("verb" if words[0] == IS else "not", words[:1]))
            words = words[1:]
        first = 1 if words[0].text == "很" else 0
        last = len(words) - 1 if words[-1].pos in {"PART", "AUX"} else len(words)
        return [*phrases, Phrase("property", words, (first, last))]

    def _event(self, clause: Clause, query: Role | None, *, bare: bool = False) -> list[Phrase]:
        """Return the verb with its object and third in their places; `bare` is without 了."""
        lasting = self.lexicon["lasting"].get(clause.predicate)
        fields = self._pattern(clause, query)
        pattern = fields[0]
        if bare or clause.negated:
            pattern = fields[1] if len(fields) > 1 else _without_aspect(fields[0])
        slots = {"O": self._slot(clause, "object", query), "T": self._slot(clause, "third", query)}
        phrases = [Phrase("not", (Word(lasting[0] if lasting else "没有", "ADV"),))] if clause.negated else []
        verb: tuple[Word, ...] = ()
        for part in pattern.split():
            if "+T+" in part and clause.third is None:
                continue  # the source is unknown
            before, slot, after = self._parts(part, slots)
            if slot is None:
                verb += before
                continue
            phrases += [Phrase("verb", verb)] if verb else []
            words = (*before, *slot.words, *after)
            core = (len(before), len(before) + len(slot.words)) if before or after else (0, 0)
            phrases.append(Phrase(slot.role, words, core, slot.entity))
            verb = ()
        return [*phrases, Phrase("verb", verb)] if verb else phrases

    def _pattern(self, clause: Clause, query: Role | None) -> tuple[str, ...]:
        """Return the pattern of the verb for this subject and object."""
        noun = clause.object.noun if isinstance(clause.object, Thing) else ""
        animal = isinstance(clause.subject, Thing) and is_animal(clause.subject.noun)
        for other in (noun, "animal" if animal else ""):
            special = self.lexicon["verbs_of"].get(f"{clause.predicate} {other}")
            if special:
                return special
        known = query == "third" or (query not in {"object", "count"} and self._definite(clause.object))
        loose = None if known else self.lexicon["verbs_indefinite"].get(clause.predicate)
        return loose or self.entry("verbs", clause.predicate)

    def _is_known(self, clause: Clause) -> bool:
        """Return whether the question about a circumstance uses 是 ... 的: a finished event with a known object."""
        happened = clause.predicate in PREDICATES and clause.predicate not in self.lexicon["lasting"]
        return happened and self._definite(clause.object)

    def _definite(self, entity: Entity | None) -> bool:
        return not isinstance(entity, Thing) or (entity.definite and entity.count == 1)

    def _slot(self, clause: Clause, role: Role, query: Role | None) -> _Slot | None:
        entity = clause.object if role == "object" else clause.third
        if entity is None:
            return None
        person = self.is_person(entity)
        if query == "count" and role == "object" and isinstance(entity, Thing):
            return _Slot("ask", (Word("几", "NUM"), *self.counted(entity)))
        if query != role:
            words, kind = self.named(role, entity)
            return _Slot(role, words, kind, person)
        if role == "object":
            return _Slot("ask", (WHO if self.is_person(entity) or isinstance(entity, Org) else WHAT,))
        # an organisation is a place as a source or a workplace, but a person as a recipient
        frame = PREDICATES[clause.predicate].role
        place = isinstance(entity, City | Place) or (isinstance(entity, Org) and frame in {"from", "at"})
        return _Slot("ask", (WHERE if place else WHO,), person=person)

    def _parts(
        self, part: str, slots: Mapping[str, _Slot | None]
    ) -> tuple[tuple[Word, ...], _Slot | None, tuple[Word, ...]]:
        """Return the words before the slot, the slot, and the words after it, for one part of a pattern."""
        pieces = part.split("+")
        name = next((piece for piece in pieces if piece in slots), None)
        if name is None:
            return parsed(part, "VERB"), None, ()
        slot = slots[name]
        if slot is None:
            raise TypeError(f"{'object' if name == 'O' else 'third'} is missing in a clause")
        place = pieces.index(name)
        after = pieces[place + 1 :] if slot.person else []
        return parsed(" ".join(pieces[:place]), "ADP"), slot, parsed(" ".join(after), "PRON")

    # parts of a fact

    def _can_find(self) -> Phrase:
        return Phrase("verb", (Word("可以", "AUX"), Word("找到", "VERB")))

    def _people_use(self) -> list[Phrase]:
        return [Phrase("subject", (Word("人们", "NOUN"),)), Phrase("verb", (Word("用", "VERB"),))]

    def _made(self, fact: Fact, material: Phrase) -> list[Phrase]:
        making = self.lexicon["making"].get(fact.subject, ("做",))[0]
        made = Phrase("verb", (Word(making, "VERB"), OF))
        return [Phrase("subject", self.noun(fact.subject)), Phrase("verb", (IS,)), material, made]


LANGUAGE = Chinese()
