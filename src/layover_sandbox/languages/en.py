"""English: subject, verb, object; questions with "did"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.language import Language, Phrase, Word
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import GIVEN, MASS, PREDICATES, WEATHER

VOWELS = "aeiou"


def _words(*texts: str, pos: str) -> tuple[Word, ...]:
    return tuple(Word(text, pos) for text in texts)


class English(Language):
    """The grammar of English."""

    code: ClassVar[str] = "en"
    name: ClassVar[str] = "English"
    script: ClassVar[str] = "Latin"
    function_words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("at", "in", "on", "to", "from", "for"), "ADP"),
        "last": "ADJ",
        "more": "ADV",
        "the": "DET",
        "Monday": "PROPN",
    }

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        if clause.predicate in WEATHER:
            phrases = [Phrase("verb", self.tagged(self.entry("weather", clause.predicate)[0]))]
        else:
            phrases = [self._subject(clause, pronoun), *self._verb(clause), *self._complements(clause)]
        return self._with_time(phrases, clause.time, first=time_first)

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        if role == "subject":
            question_word = Phrase("ask", (Word("who", "PRON"),))
            phrases = [question_word, *self._verb(clause), *self._complements(clause)]
            return self._with_time(phrases, clause.time, first=False)
        question_word, stranded = self._question_word(clause, role)
        if clause.predicate in {"state", "located"}:
            was = Phrase("verb", (Word("was", "AUX"),))
            rest = self._complements(clause, without=role)
            phrases = [question_word, was, self._subject(clause, pronoun=False), *rest]
            return phrases if role == "time" else self._with_time(phrases, clause.time, first=False)
        did, base = Word("did", "AUX"), self.entry("verbs", clause.predicate)[1]
        phrases = [
            question_word,
            Phrase("verb", (did,)),
            self._subject(clause, pronoun=False),
            Phrase("verb", (Word(base, "VERB"),)),
            *self._complements(clause, without=role),
            *stranded,
        ]
        return phrases if role == "time" else self._with_time(phrases, clause.time, first=False)

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        link = Phrase("link", (Word("because", "SCONJ"),))
        again = self.is_same_person(effect.subject, cause.subject)
        return [*self.clause(effect), link, *self.clause(cause, pronoun=again)]

    def fact(self, fact: Fact) -> list[Phrase]:
        subject = self._thing(Thing(fact.subject, definite=False))
        if fact.relation == "found":
            finding = _words("you", pos="PRON") + _words("can", pos="AUX") + _words("find", pos="VERB")
            return [Phrase("verb", finding), Phrase("object", subject), self._location("third", Place(fact.value))]
        if fact.relation == "used":
            using = _words("people", pos="NOUN") + _words("use", pos="VERB")
            purpose = (Word("to", "PART"), *self.tagged(self.entry("purposes", fact.value)[0]))
            return [Phrase("verb", using), Phrase("object", subject), Phrase("third", purpose, (1, len(purpose)))]
        if fact.relation == "kind":
            value = self._thing(Thing(fact.value, definite=False))
            return [Phrase("subject", subject), Phrase("verb", (Word("is", "AUX"),)), Phrase("property", value)]
        made = (Word("is", "AUX"), Word("made", "VERB"))
        material = (Word("of", "ADP"), Word(self.entry("materials", fact.value)[0], "NOUN"))
        return [Phrase("subject", subject), Phrase("verb", made), Phrase("third", material, (1, 2))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        subject = Phrase("object", self._thing(Thing(fact.subject, definite=False)))
        if fact.relation == "found":
            can = (Word("can", "AUX"), Word("you", "PRON"), Word("find", "VERB"))
            return [Phrase("ask", (Word("where", "ADV"),)), Phrase("verb", can), subject]
        if fact.relation == "used":
            do = (Word("do", "AUX"), Word("people", "NOUN"), Word("use", "VERB"), Word("to", "PART"))
            purpose = Phrase("third", self.tagged(self.entry("purposes", fact.value)[0]))
            return [Phrase("ask", (Word("what", "PRON"),)), Phrase("verb", do), purpose]
        if fact.relation == "kind":
            question_word = (Word("which", "PRON"), Word("of", "ADP"), Word("these", "PRON"))
            value = Phrase("property", self._thing(Thing(fact.value, definite=False)))
            return [Phrase("ask", question_word), Phrase("verb", (Word("is", "AUX"),)), value]
        made = (Word("made", "VERB"), Word("of", "ADP"))
        return [
            Phrase("ask", (Word("what", "PRON"),)),
            Phrase("verb", (Word("is", "AUX"),)),
            subject,
            Phrase("verb", made),
        ]

    def citation(self, concept: str) -> str:
        for section in ("nouns", "places", "materials"):
            if concept in self.lexicon[section]:
                return self.lexicon[section][concept][0]
        return self.entry("nouns", concept)[0]

    # parts of a clause

    def _subject(self, clause: Clause, pronoun: bool) -> Phrase:
        if pronoun and isinstance(clause.subject, Name):
            return Phrase("subject", (Word("he" if GIVEN[clause.subject.given] == "m" else "she", "PRON"),))
        return self._entity("subject", clause.subject)

    def _verb(self, clause: Clause) -> list[Phrase]:
        """Return the verb, with "did not" or "was not" if negated."""
        denied = (Word("not", "PART"),)
        if clause.predicate in {"state", "located", "isa", "compare"}:
            verb = Phrase("verb", (Word("was" if clause.predicate in {"state", "located"} else "is", "AUX"),))
            return [verb, Phrase("not", denied)] if clause.negated else [verb]
        past, base, *_ = self.entry("verbs", clause.predicate)
        if not clause.negated:
            return [Phrase("verb", (Word(past, "VERB"),))]
        return [
            Phrase("verb", (Word("did", "AUX"),)),
            Phrase("not", denied),
            Phrase("verb", (Word(base, "VERB"),)),
        ]

    def _complements(self, clause: Clause, without: Role | None = None) -> list[Phrase]:
        """Return the phrases after the verb, without the time and the role of the question."""
        phrases: list[Phrase] = []
        if clause.predicate == "isa":
            phrases.append(Phrase("property", self._indefinite(self.words(self._property(clause), "NOUN"))))
        elif clause.predicate == "compare":
            than = Phrase("link", (Word("than", "ADP"),))
            compared = self.words(self.entry("adjectives", clause.property or "")[1], "ADJ")
            phrases += [Phrase("property", compared), than, self._entity("object", clause.object)]
        elif clause.predicate == "state":
            phrases.append(Phrase("property", self.words(self.entry("states", clause.property or "")[0], "ADJ")))
        elif clause.object is not None and without not in {"object", "count"}:
            phrases.append(self._entity("object", clause.object))
        if clause.third is not None and without != "third":
            phrases.append(self._third(clause))
        if clause.place is not None and without != "place":
            phrases.append(self._location("place", clause.place))
        return phrases

    def _property(self, clause: Clause) -> str:
        return self.entry("nouns", clause.property or "")[0]

    def _third(self, clause: Clause) -> Phrase:
        third = clause.third
        if clause.predicate == "located" or PREDICATES[clause.predicate].role == "at":
            return self._location("third", third)
        phrase = self._entity("third", third)
        preposition = Word(self.entry("verbs", clause.predicate)[2], "ADP")
        first, last = phrase.answer
        return Phrase("third", (preposition, *phrase.words), (first + 1, last + 1), phrase.entity)

    def _location(self, role: str, where: Entity | None) -> Phrase:
        """Return a place with its preposition; the place with its article answers "where?"."""
        if isinstance(where, Place):
            preposition = self.entry("places", where.noun)[1]
        elif isinstance(where, Org):
            preposition = self.entry("sorts", where.sort)[1]
        else:
            preposition = "in"
        phrase = self._entity(role, where)
        first, last = phrase.answer
        return Phrase(role, (Word(preposition, "ADP"), *phrase.words), (first + 1, last + 1), phrase.entity)

    def _question_word(self, clause: Clause, role: Role) -> tuple[Phrase, list[Phrase]]:
        """Return the question word, with its preposition, and the preposition that stays at the end."""
        if role in {"place", "time"}:
            return Phrase("ask", (Word("where" if role == "place" else "when", "ADV"),)), []
        if role == "count" and isinstance(clause.object, Thing):
            counted = self._noun(clause.object, plural=True)
            return Phrase("ask", (Word("how", "ADV"), Word("many", "ADJ"), *counted)), []
        if role == "object":
            personal = isinstance(clause.object, Org) or self.is_person(clause.object)
            return Phrase("ask", (Word("who" if personal else "what", "PRON"),)), []
        frame = "at" if clause.predicate == "located" else PREDICATES[clause.predicate].role
        if frame == "at":
            return Phrase("ask", (Word("where", "ADV"),)), []
        preposition = Word(self.entry("verbs", clause.predicate)[2], "ADP")
        if isinstance(clause.third, City | Place):
            left = [] if clause.predicate == "go" else [Phrase("third", (preposition,))]
            return Phrase("ask", (Word("where", "ADV"),)), left
        return Phrase("ask", (preposition, Word("whom", "PRON"))), []

    def _with_time(self, phrases: list[Phrase], time: str | None, *, first: bool) -> list[Phrase]:
        if time is None:
            return phrases
        text = f"in {time}" if time.isdecimal() else self.entry("times", time)[0]
        words = tuple(
            Word(word.text, "NUM") if word.text.isdecimal() else word for word in self.words(text, self._time_pos(time))
        )
        phrase = Phrase("time", words)
        return [phrase, *phrases] if first else [*phrases, phrase]

    def _time_pos(self, time: str) -> str:
        if time.endswith("day") and time not in {"yesterday", "today"}:
            return "PROPN"
        return "NOUN"

    # noun phrases

    def _entity(self, role: str, entity: Entity | None) -> Phrase:
        if isinstance(entity, Name):
            full = [self.entry("given", entity.given)[0]]
            full += [self.entry("families", entity.family)[0]] if entity.family else []
            return Phrase(role, _words(*full, pos="PROPN"), entity="PER")
        if isinstance(entity, Org):
            sort, _, *article = self.entry("sorts", entity.sort)
            words = (*_words(*article, pos="DET"), *_words(self.entry("orgs", entity.name)[0], sort, pos="PROPN"))
            return Phrase(role, words, (len(article), len(words)), "ORG")
        if isinstance(entity, City):
            return Phrase(role, self.words(self.entry("cities", entity.name)[0], "PROPN"), entity="LOC")
        if isinstance(entity, Place):
            return Phrase(role, (Word("the", "DET"), *self.words(self.entry("places", entity.noun)[0], "NOUN")))
        if isinstance(entity, Thing):
            return Phrase(role, self._thing(entity))
        raise TypeError(f"{role} is missing in a clause")

    def _thing(self, thing: Thing) -> tuple[Word, ...]:
        words = self._noun(thing, plural=thing.count > 1)
        if thing.count > 1:
            return (Word(self.entry("numbers", str(thing.count))[0], "NUM"), *words)
        if thing.definite:
            return (Word("the", "DET"), *words)
        return words if thing.noun in MASS else self._indefinite(words)

    def _noun(self, thing: Thing, *, plural: bool) -> tuple[Word, ...]:
        """Return the adjective and the noun."""
        adjective = _words(self.entry("adjectives", thing.adjective)[0], pos="ADJ") if thing.adjective else ()
        return (*adjective, *self.words(self.entry("nouns", thing.noun)[1 if plural else 0], "NOUN"))

    def _indefinite(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        return (Word("an" if words[0].text[0] in VOWELS else "a", "DET"), *words)


LANGUAGE = English()
