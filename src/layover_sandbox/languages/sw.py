"""Swahili: verbs that carry subject and definite object, agreement by noun class, question words in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.language import Fields, Language, Phrase, Word
from layover_sandbox.languages._sw_classes import (
    ADJECTIVE_FORMS,
    HOW_MANY,
    LIVING,
    NUMBER_FORMS,
    OBJECT,
    OF,
    SUBJECT,
    marked,
    past,
)
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import CATEGORY_OF, MASS, PREDICATES, WEATHER


class Swahili(Language):
    """The grammar of Swahili."""

    code: ClassVar[str] = "sw"
    name: ClassVar[str] = "Swahili"
    script: ClassVar[str] = "Latin"
    function_words: ClassVar[Mapping[str, str]] = dict.fromkeys(("ya", "wa", "la", "cha", "za", "kwenye"), "ADP")

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        """Return a clause; a subject that was just named is dropped, but the verb still shows it."""
        time = self._time(clause.time)
        if clause.predicate in WEATHER:
            phrases = [Phrase("verb", self.tagged(self.entry("weather", clause.predicate)[0]))]
        else:
            subject = [] if pronoun and isinstance(clause.subject, Name) else [self._entity("subject", clause.subject)]
            phrases = [*subject, *self._predicate(clause)]
        return [*time, *phrases] if time_first else [*phrases, *time]

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        """Return a question; the question word has the position of the answer."""
        subject = self._ask("nani/PRON") if role == "subject" else self._entity("subject", clause.subject)
        time = [self._ask("lini/ADV")] if role == "time" else self._time(clause.time)
        return [subject, *self._predicate(clause, role), *time]

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        link = Phrase("link", (Word("kwa", "SCONJ"), Word("sababu", "SCONJ")))
        again = self.is_same_person(effect.subject, cause.subject)
        return [*self.clause(effect), link, *self.clause(cause, pronoun=again)]

    def fact(self, fact: Fact) -> list[Phrase]:
        subject = self._thing(Thing(fact.subject))
        if fact.relation == "found":
            return [self._can_find(fact.subject), Phrase("object", subject), self._location("third", Place(fact.value))]
        if fact.relation == "used":
            return [self._people_use(), Phrase("object", subject), self._purpose(fact.value)]
        if fact.relation == "kind":
            value = Phrase("property", self._thing(Thing(fact.value)))
            return [Phrase("subject", subject), Phrase("verb", (Word("ni", "AUX"),)), value]
        material = (Word("kwa", "ADP"), Word(self.entry("materials", fact.value)[0], "NOUN"))
        return [Phrase("subject", subject), self._is_made(fact.subject), Phrase("third", material, (1, 2))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        subject = Phrase("object", self._thing(Thing(fact.subject)))
        if fact.relation == "found":
            return [self._can_find(fact.subject), subject, self._ask("wapi/ADV")]
        if fact.relation == "used":
            return [self._people_use(), self._ask("nini/PRON"), self._purpose(fact.value)]
        if fact.relation == "kind":
            question_word = self._ask("kipi/PRON kati/ADP ya/ADP hivi/PRON")
            return [
                question_word,
                Phrase("verb", (Word("ni", "AUX"),)),
                Phrase("property", self._thing(Thing(fact.value))),
            ]
        # "kwa nini" alone would mean why
        return [subject, self._is_made(fact.subject), self._ask("kwa/ADP kitu/NOUN gani/DET")]

    def citation(self, concept: str) -> str:
        for section in ("nouns", "places", "materials"):
            if concept in self.lexicon[section]:
                return self.lexicon[section][concept][0]
        return self.entry("nouns", concept)[0]

    # facts

    def _can_find(self, noun: str) -> Phrase:
        """Return `unaweza kupata`, with a prefix for a person or an animal."""
        marker = self._class(LIVING, OBJECT) if self._class_of(Thing(noun)) == LIVING else ""
        return Phrase("verb", (Word("unaweza", "AUX"), Word(f"ku{marker}pata", "VERB")))

    def _people_use(self) -> Phrase:
        return Phrase("verb", (Word("watu", "NOUN"), Word("hutumia", "VERB")))

    def _is_made(self, noun: str) -> Phrase:
        return Phrase("verb", (Word("hujengwa" if CATEGORY_OF[noun] == "building" else "hutengenezwa", "VERB"),))

    def _purpose(self, purpose: str) -> Phrase:
        return Phrase("third", self.tagged(self.entry("purposes", purpose)[0]))

    # the predicate

    def _predicate(self, clause: Clause, query: Role | None = None) -> list[Phrase]:
        """Return the phrases after the subject without the time, with a question word for the queried role."""
        if clause.predicate == "isa":
            copula = Phrase("not", (Word("si", "AUX"),)) if clause.negated else Phrase("verb", (Word("ni", "AUX"),))
            return [copula, Phrase("property", self._thing(Thing(clause.property or "")))]
        if clause.predicate == "compare":
            return self._comparison(clause)
        if clause.predicate == "state":
            return self._state(clause)
        if clause.predicate == "located":
            where = self._ask("wapi/ADV") if query == "third" else self._location("third", clause.third)
            return [Phrase("verb", (self._was(clause),)), where]
        return self._event(clause, query)

    def _event(self, clause: Clause, query: Role | None) -> list[Phrase]:
        """Return verb, recipient, object, rest of the verb, third, place."""
        verb = self._verb(clause)
        receives = self._receives(clause, verb)
        phrases: list[Phrase] = []
        third: list[Phrase] = []
        if clause.third is not None:
            third = [self._question_word_of_third(clause, verb) if query == "third" else self._third(clause, verb)]
        if receives:
            phrases += third
        if clause.object is not None:
            phrases.append(self._object(clause, verb, query))
        tail = Phrase("verb", self.tagged(verb.get("tail", "")))
        verbs = (Word(self._inflected(clause, verb, query), "VERB"), *(() if phrases else tail.words))
        phrases = [Phrase("verb", verbs), *phrases, *([tail] if phrases and tail.words else [])]
        if not receives:
            phrases += third
        if clause.place is not None:
            phrases.append(self._ask("wapi/ADV") if query == "place" else self._location("place", clause.place))
        return phrases

    def _verb(self, clause: Clause) -> Mapping[str, str]:
        """Return the verb's stem and options."""
        stem, *options = self._variant("verbs", clause.predicate, clause.object)
        return {"stem": stem, **{key: text for key, _, text in (option.partition(" ") for option in options)}}

    def _receives(self, clause: Clause, verb: Mapping[str, str]) -> bool:
        """Return whether the verb agrees with the recipient (`alimpa Omar`); an organisation takes `kwa` instead."""
        return "to" in verb and self.is_person(clause.third)

    def _inflected(self, clause: Clause, verb: Mapping[str, str], query: Role | None) -> str:
        """Return the verb in the past, with its subject and its object."""
        stem = verb["to"] if self._receives(clause, verb) else verb["stem"]
        marker = self._marker(clause, verb, query)
        if marker or clause.negated:
            stem = verb.get("short", stem)
        return self._past(clause) + marked(marker, stem)

    def _marker(self, clause: Clause, verb: Mapping[str, str], query: Role | None) -> str:
        """Return the prefix of the object: for a person always, for a thing if it is definite and present."""
        thing = clause.object
        if self._receives(clause, verb):
            return self._class(LIVING, OBJECT)
        if thing is None or "with" in verb:
            return ""
        if self.is_person(thing):
            return self._class(LIVING, OBJECT)
        if isinstance(thing, Org):
            return self._class(LIVING if query == "object" else self._class_of(thing), OBJECT)
        if query in {"object", "count"} or not isinstance(thing, Thing) or not thing.definite or thing.noun in MASS:
            return ""
        return self._class(self._class_of(thing), OBJECT)

    def _past(self, clause: Clause) -> str:
        return past(self._class(self._class_of(clause.subject), SUBJECT), denied=clause.negated)

    def _was(self, clause: Clause) -> Word:
        return Word(self._past(clause) + ("wa" if clause.negated else "kuwa"), "AUX")

    def _state(self, clause: Clause) -> list[Phrase]:
        fields = self._variant("states", clause.property or "", clause.subject)
        text = fields[-1] if clause.negated else fields[0]
        kind, _, word = text.partition(" ")
        number = self._class_of(clause.subject)
        words: tuple[Word, ...]
        if kind == "has":
            words = (Word(f"{self._class(number, SUBJECT)}me{word}", "VERB"),)
        elif kind == "is":
            words = self._adjective(word, clause.subject, number)
        else:
            words = self.tagged(text)
        return [Phrase("verb", (self._was(clause),)), Phrase("property", words)]

    def _comparison(self, clause: Clause) -> list[Phrase]:
        """Return `ni kubwa kuliko gari`, or `ina kasi zaidi kuliko gari`."""
        name, number = clause.property or "", self._class_of(clause.subject)
        than = [Phrase("link", (Word("kuliko", "ADP"),)), self._entity("object", clause.object)]
        has = self.lexicon["comparisons"].get(name)
        if has:
            verb = Word(f"{self._class(number, SUBJECT)}na", "VERB")
            return [Phrase("verb", (verb,)), Phrase("property", self.tagged(has[0])), *than]
        words = self._adjective(name, clause.subject, number)
        more = (Word("zaidi", "ADV"),) if len(words) > 1 else ()
        return [Phrase("verb", (Word("ni", "AUX"),)), Phrase("property", (*words, *more)), *than]

    # objects, recipients, places

    def _object(self, clause: Clause, verb: Mapping[str, str], query: Role | None) -> Phrase:
        before = self.tagged(verb.get("with", ""))
        if query == "object":
            is_who = self.is_person(clause.object) or isinstance(clause.object, Org)
            return Phrase("ask", (*before, Word("nani" if is_who else "nini", "PRON")))
        if query == "count" and isinstance(clause.object, Thing):
            return Phrase("ask", self._thing(clause.object, for_question=True))
        return self._after(before, self._entity("object", clause.object))

    def _third(self, clause: Clause, verb: Mapping[str, str]) -> Phrase:
        before = () if self._receives(clause, verb) else self.tagged(verb.get("before", ""))
        if isinstance(clause.third, City | Place) and not before:
            return self._location("third", clause.third)
        if isinstance(clause.third, Org) and before and before[0].text == "kutoka":
            before = before[:1]  # `kutoka kwa` is for people
        return self._after(before, self._entity("third", clause.third))

    def _question_word_of_third(self, clause: Clause, verb: Mapping[str, str]) -> Phrase:
        before = () if self._receives(clause, verb) else self.tagged(verb.get("before", ""))
        if PREDICATES[clause.predicate].role == "at":
            return self._ask("wapi/ADV")
        is_where = isinstance(clause.third, City | Place)
        return Phrase("ask", (*before, Word("wapi", "ADV") if is_where else Word("nani", "PRON")))

    def _location(self, role: str, where: Entity | None) -> Phrase:
        """Return the location: `sokoni`, `kwenye uwanja wa ndege`, `jijini Berlin`."""
        if isinstance(where, Place):
            words = self.words(self.entry("places", where.noun)[1], "NOUN")
            return Phrase(role, words, (1, len(words)) if words[0].pos == "ADP" else (0, 0))
        return self._after((Word("jijini", "NOUN"),), self._entity(role, where))

    def _after(self, before: tuple[Word, ...], phrase: Phrase) -> Phrase:
        """Return the phrase with preceding words that are not part of the answer."""
        if not before:
            return phrase
        first, last = phrase.answer
        shift = len(before)
        return Phrase(phrase.role, (*before, *phrase.words), (first + shift, last + shift), phrase.entity)

    def _ask(self, tagged: str) -> Phrase:
        return Phrase("ask", self.tagged(tagged))

    def _time(self, time: str | None) -> list[Phrase]:
        if time is None:
            return []
        if time.isdecimal():
            return [Phrase("time", (Word("mwaka", "NOUN"), Word(time, "NUM")))]
        return [Phrase("time", self.tagged(self.entry("times", time)[0]))]

    # noun phrases

    def _entity(self, role: str, entity: Entity | None) -> Phrase:
        if isinstance(entity, Name):
            given = Word(self.entry("given", entity.given)[0], "PROPN")
            family = (Word(self.entry("families", entity.family)[0], "PROPN"),) if entity.family else ()
            return Phrase(role, (given, *family), entity="PER")
        if isinstance(entity, Org):
            sort = self.words(self.entry("sorts", entity.sort)[0], "PROPN")
            return Phrase(role, (*sort, Word(self.entry("orgs", entity.name)[0], "PROPN")), entity="ORG")
        if isinstance(entity, City):
            return Phrase(role, self.words(self.entry("cities", entity.name)[0], "PROPN"), entity="LOC")
        if isinstance(entity, Place):
            return Phrase(role, self.words(self.entry("places", entity.noun)[0], "NOUN"))
        if isinstance(entity, Thing):
            return Phrase(role, self._thing(entity))
        raise TypeError(f"{role} is missing in a clause")

    def _thing(self, thing: Thing, *, for_question: bool = False) -> tuple[Word, ...]:
        """Return the noun with its modifiers: `vitabu vipya vitatu`, `magari matatu ya bluu`, `hati mpya ya wosia`.

        A complement with "of" comes after adjective and number; so does an adjective that is an "of" phrase.
        """
        forms = self.entry("nouns", thing.noun)
        number = self._class_of(thing)
        head, *complement = self.words(forms[1 if thing.count > 1 else 0], "NOUN")
        adjective = self._adjective(thing.adjective, thing, number) if thing.adjective else ()
        counted: tuple[Word, ...] = ()
        if for_question:
            counted = (Word(self._class(number, HOW_MANY), "DET"),)
        elif thing.count > 1:
            numerals = self.entry("numbers", str(thing.count))
            counted = (Word(numerals[NUMBER_FORMS[number]] if len(numerals) > 1 else numerals[0], "NUM"),)
        if len(adjective) > 1:
            return (head, *counted, *complement, *adjective)
        return (head, *adjective, *counted, *complement)

    def _adjective(self, name: str, described: Entity | None, number: str) -> tuple[Word, ...]:
        """Return the form of a class: `jekundu`, or `la bluu`."""
        forms = self._variant("adjectives", name, described)
        if forms[0].startswith("-a "):
            rest = forms[0].removeprefix("-a ")
            return (Word(self._class(number, OF), "ADP"), *self.tagged(rest))
        return (Word(forms[ADJECTIVE_FORMS[number]] if len(forms) > 1 else forms[0], "ADJ"),)

    def _class_of(self, entity: Entity | None) -> str:
        """Return the noun class for agreement."""
        if isinstance(entity, Org):
            return self.entry("sorts", entity.sort)[1]
        if isinstance(entity, Thing):
            single, _, many = self.entry("nouns", entity.noun)[2].partition("/")
            return many if entity.count > 1 else single
        return LIVING

    def _class(self, number: str, field: int) -> str:
        return self.entry("classes", number)[field]

    def _variant(self, section: str, concept: str, described: Entity | None) -> Fields:
        """Return the fields of the concept, or of its variant for the described noun or its category."""
        special, noun = self.lexicon[f"special {section}"], described.noun if isinstance(described, Thing) else ""
        fields = special.get(f"{concept} {noun}") or special.get(f"{concept} {CATEGORY_OF.get(noun)}")
        return fields or self.entry(section, concept)


LANGUAGE = Swahili()
