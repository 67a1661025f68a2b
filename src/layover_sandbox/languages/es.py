"""Spanish: subject, verb, object; "a" before people, and dropped subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.language import Language, Phrase, Word
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import CATEGORY_OF, GIVEN, MASS, PREDICATES, WEATHER

CONTRACTED = {("a", "el"): "al", ("de", "el"): "del"}
# f': a feminine noun with a stressed a at its beginning
DEFINITE = {"m": "el", "f": "la", "f'": "el"}
INDEFINITE = {"m": "un", "f": "una", "f'": "un"}
OPENING = Phrase("mark", (Word("¿", "PUNCT", opens=True),))


class Spanish(Language):
    """The grammar of Spanish."""

    code: ClassVar[str] = "es"
    name: ClassVar[str] = "Spanish"
    script: ClassVar[str] = "Latin"
    function_words: ClassVar[Mapping[str, str]] = {"de": "ADP"}

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        when, rest = self._when(clause), []
        if clause.predicate in WEATHER:
            phrases = [Phrase("verb", self.tagged(self.entry("weather", clause.predicate)[0]))]
        else:
            dropped = pronoun and isinstance(clause.subject, Name)
            subject = [] if dropped else [self._entity("subject", clause.subject)]
            denied = [Phrase("not", (Word("no", "ADV"),))] if clause.negated else []
            phrases = [*subject, *denied, Phrase("verb", self._verb(clause)), *self._property(clause)]
            rest = self._complements(clause)
        return [*when, *phrases, *rest] if time_first else [*phrases, *self._timed(rest, when, clause)]

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        question_word = Phrase("ask", self._question_word(clause, role))
        subject = [] if role == "subject" else [self._entity("subject", clause.subject)]
        verb = Phrase("verb", self._verb(clause, without=role))
        when = [] if role == "time" else self._when(clause)
        rest = self._timed(self._complements(clause, without=role), when, clause)
        # the person is unknown, so the masculine form: "cansado"
        gender = "m" if role == "subject" and clause.predicate == "state" else ""
        return [OPENING, question_word, verb, *self._property(clause, gender), *subject, *rest]

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        link = Phrase("link", (Word("porque", "SCONJ"),))
        again = self.is_same_person(effect.subject, cause.subject)
        return [*self.clause(effect), link, *self.clause(cause, pronoun=again)]

    def fact(self, fact: Fact) -> list[Phrase]:
        subject = self._generic(fact.subject)
        if fact.relation == "found":
            finding = Phrase("verb", (Word("se", "PRON"), Word("puede", "AUX"), Word("encontrar", "VERB")))
            return [finding, Phrase("object", subject), self._entity("third", Place(fact.value), "en")]
        if fact.relation == "used":
            using = Phrase("verb", (Word("se", "PRON"), Word("usa", "VERB")))
            return [using, Phrase("object", subject), self._purpose(fact)]
        if fact.relation == "kind":
            value = Phrase("property", self._generic(fact.value))
            return [Phrase("subject", subject), Phrase("verb", (Word("es", "AUX"),)), value]
        material = (Word("de", "ADP"), Word(self.entry("materials", fact.value)[0], "NOUN"))
        return [Phrase("subject", subject), Phrase("verb", self._made(fact)), Phrase("third", material, (1, 2))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        subject = self._generic(fact.subject)
        if fact.relation == "found":
            finding = Phrase("verb", (Word("se", "PRON"), Word("puede", "AUX"), Word("encontrar", "VERB")))
            return [OPENING, Phrase("ask", (Word("dónde", "ADV"),)), finding, Phrase("object", subject)]
        if fact.relation == "used":
            using = Phrase("verb", (Word("se", "PRON"), Word("usa", "VERB")))
            return [OPENING, Phrase("ask", (Word("qué", "PRON"),)), using, self._purpose(fact)]
        if fact.relation == "kind":
            question_word = Phrase("ask", (Word("cuál", "PRON"), Word("de", "ADP"), Word("estos", "PRON")))
            value = Phrase("property", self._generic(fact.value))
            return [OPENING, question_word, Phrase("verb", (Word("es", "AUX"),)), value]
        question_word = Phrase("ask", (Word("de", "ADP"), Word("qué", "PRON")))
        return [OPENING, question_word, Phrase("verb", self._made(fact)), Phrase("subject", subject)]

    def citation(self, concept: str) -> str:
        for section in ("nouns", "places", "materials"):
            if concept in self.lexicon[section]:
                return self.lexicon[section][concept][0]
        return self.entry("nouns", concept)[0]

    # parts of a clause

    def _verb(self, clause: Clause, without: Role | None = None) -> tuple[Word, ...]:
        """Return the verb; its past participles agree with the object, unless the question asks for the object."""
        if clause.predicate in {"isa", "compare"}:
            return (Word("es", "AUX"),)
        if clause.predicate == "located":
            return (Word("estaba", "AUX"),)
        if clause.predicate == "state":
            return self.tagged(self._state(clause)[0])
        words = self.tagged(self.entry("verbs", clause.predicate)[0])
        if words[0].text == "le" and PREDICATES[clause.predicate].third and clause.third is None:
            words = words[1:]
        if not words[-1].text.endswith("*"):
            return words
        participle = words[-1].text[:-1]
        if isinstance(clause.object, Thing) and without != "object":
            plural = clause.object.count > 1
            participle = _agree(participle, self._gender(clause.object, plural=plural), plural=plural)
        return (*words[:-1], Word(participle, "ADJ"))

    def _state(self, clause: Clause) -> tuple[str, ...]:
        name, subject = clause.property or "", clause.subject
        special = self.lexicon["vehicle_states"]
        if name in special and isinstance(subject, Thing) and CATEGORY_OF.get(subject.noun) == "vehicle":
            return special[name]
        return self.entry("states", name)

    def _property(self, clause: Clause, gender: str = "") -> list[Phrase]:
        """Return the predicative, in the gender of the subject if none is given."""
        name, gender = clause.property, gender or self._gender(clause.subject)
        if name is None:
            return []
        if clause.predicate == "isa":
            return [Phrase("property", (Word(self.entry("professions", name)[gender == "f"], "NOUN"),))]
        if clause.predicate == "compare":
            compared = Word(_agree(self.entry("adjectives", name)[0], gender), "ADJ")
            return [Phrase("property", (Word("más", "ADV"), compared))]
        words = self.tagged(self._state(clause)[1])
        return [Phrase("property", tuple(Word(_agree(w.text, gender), w.pos) if w.pos == "ADJ" else w for w in words))]

    def _complements(self, clause: Clause, without: Role | None = None) -> list[Phrase]:
        """Return the phrases after the verb, without the time and the role of the question."""
        phrases: list[Phrase] = []
        if clause.predicate == "compare":
            phrases += [Phrase("link", (Word("que", "SCONJ"),)), self._entity("object", clause.object)]
        elif clause.object is not None and without not in {"object", "count"}:
            preposition = self._before_object(clause) or ("a" if self._is_dear(clause) else "")
            phrases.append(self._entity("object", clause.object, preposition))
        if clause.third is not None and without != "third":
            preposition = self._before_third(clause)
            # "recibió de Clara la cesta": in the other order it would mean Clara's basket
            at = 0 if preposition == "de" else len(phrases)
            phrases.insert(at, self._entity("third", clause.third, preposition))
        if clause.place is not None and without != "place":
            phrases.append(self._entity("place", clause.place, "en"))
        return phrases

    def _timed(self, rest: list[Phrase], when: list[Phrase], clause: Clause) -> list[Phrase]:
        """Return the phrases after the verb with the time: "ayer" comes early, "por la noche" late."""
        soon = clause.property is None and len(when) == 1 and when[0].words[0].pos == "ADV"
        return [*when, *rest] if soon else [*rest, *when]

    def _before_object(self, clause: Clause) -> str:
        """Return the preposition of the object: the preposition of the verb, or "a" before a person."""
        own = self.entry("verbs", clause.predicate)[1:2]
        return own[0] if own and own[0] else "a" if self.is_person(clause.object) else ""

    def _is_dear(self, clause: Clause) -> bool:
        """Return whether the object is a known pet, which takes "a" unless a recipient has it."""
        thing = clause.object
        known = isinstance(thing, Thing) and thing.definite and CATEGORY_OF.get(thing.noun) == "pet"
        return known and not PREDICATES[clause.predicate].third

    def _before_third(self, clause: Clause) -> str:
        if clause.predicate == "located" or PREDICATES[clause.predicate].role == "at":
            return "en"
        return self.entry("verbs", clause.predicate)[2]

    def _question_word(self, clause: Clause, role: Role) -> tuple[Word, ...]:
        """Return the question word, with its preposition."""
        if role in {"place", "time"}:
            return (Word("dónde" if role == "place" else "cuándo", "ADV"),)
        if role == "subject":
            return (Word("quién", "PRON"),)
        if role == "third":
            return self._question_word_of_third(clause)
        preposition = self._before_object(clause)
        before = (Word(preposition, "ADP"),) if preposition else ()
        if role == "count" and isinstance(clause.object, Thing):
            many = _agree("cuánto", self._gender(clause.object, plural=True), plural=True)
            return (*before, Word(many, "DET"), *self._noun(clause.object, plural=True))
        return (*before, Word("quién" if preposition == "a" or self.is_person(clause.object) else "qué", "PRON"))

    def _question_word_of_third(self, clause: Clause) -> tuple[Word, ...]:
        frame = "at" if clause.predicate == "located" else PREDICATES[clause.predicate].role
        if frame in {"at", "into"}:
            return (Word("dónde" if frame == "at" else "adónde", "ADV"),)
        if isinstance(clause.third, City):
            return (Word("de", "ADP"), Word("dónde", "ADV"))
        return (Word(self._before_third(clause), "ADP"), Word("quién", "PRON"))

    def _when(self, clause: Clause) -> list[Phrase]:
        time = clause.time
        if time is None:
            return []
        if time.isdecimal():
            return [Phrase("time", (Word("en", "ADP"), Word(time, "NUM")))]
        return [Phrase("time", self.tagged(self.entry("times", time)[0]))]

    def _purpose(self, fact: Fact) -> Phrase:
        words = (Word("para", "ADP"), *self.tagged(self.entry("purposes", fact.value)[0]))
        return Phrase("third", words, (1, len(words)))

    def _made(self, fact: Fact) -> tuple[Word, ...]:
        return (Word("está", "AUX"), Word(_agree("hecho", self._gender(Thing(fact.subject))), "VERB"))

    # noun phrases

    def _gender(self, entity: Entity | None, *, plural: bool = False) -> str:
        """Return the gender that adjectives show."""
        if isinstance(entity, Name):
            return GIVEN[entity.given]
        if not isinstance(entity, Thing):
            return "m"
        _, gender, *fields = self.entry("nouns", entity.noun)
        return (fields[1] if plural and len(fields) > 1 else gender)[0]

    def _entity(self, role: str, entity: Entity | None, preposition: str = "") -> Phrase:
        """Return the entity with its article; the article of a name is not part of the core."""
        article, kind = "", None
        if isinstance(entity, Name):
            family = (Word(self.entry("families", entity.family)[0], "PROPN"),) if entity.family else ()
            words, kind = (Word(self.entry("given", entity.given)[0], "PROPN"), *family), "PER"
        elif isinstance(entity, City):
            words, kind = self.words(self.entry("cities", entity.name)[0], "PROPN"), "LOC"
        elif isinstance(entity, Org):
            sort, gender = self.entry("sorts", entity.sort)
            article, kind = DEFINITE[gender], "ORG"
            words = (Word(sort, "PROPN"), Word(self.entry("orgs", entity.name)[0], "PROPN"))
        elif isinstance(entity, Place):
            noun, gender = self.entry("places", entity.noun)
            article, words = DEFINITE[gender], self.words(noun, "NOUN")
        elif isinstance(entity, Thing):
            article, words = self._thing(entity)
        else:
            raise TypeError(f"{role} is missing in a clause")
        contracted = CONTRACTED.get((preposition, article))
        if contracted:
            before: tuple[Word, ...] = (Word(contracted, "ADP"),)
        else:
            before = (Word(preposition, "ADP"),) if preposition else ()
            before += (Word(article, "DET"),) if article else ()
        # a separate article is part of the answer, except with a name
        first = len(before) if kind or contracted or not article else len(before) - 1
        return Phrase(role, (*before, *words), (first, len(before) + len(words)), kind)

    def _thing(self, thing: Thing) -> tuple[str, tuple[Word, ...]]:
        """Return the article, if any, and the other words."""
        words = self._noun(thing, plural=thing.count > 1)
        if thing.count > 1:
            return "", (Word(self.entry("numbers", str(thing.count))[0], "NUM"), *words)
        gender = self.entry("nouns", thing.noun)[1]
        if thing.definite:
            return DEFINITE[gender], words
        return "" if thing.noun in MASS else INDEFINITE[gender], words

    def _noun(self, thing: Thing, *, plural: bool) -> tuple[Word, ...]:
        """Return the noun and the adjective after it."""
        words = self.words(self.entry("nouns", thing.noun)[2 if plural else 0], "NOUN")
        if thing.adjective is None:
            return words
        adjective = self.entry("adjectives", thing.adjective)[0]
        return (*words, Word(_agree(adjective, self._gender(thing, plural=plural), plural=plural), "ADJ"))

    def _generic(self, noun: str) -> tuple[Word, ...]:
        """Return the generic noun phrase: "un perro", "el agua"."""
        article, words = self._thing(Thing(noun, definite=noun in MASS))
        return (Word(article, "DET"), *words) if article else words


def _agree(adjective: str, gender: str, *, plural: bool = False) -> str:
    """Return a form of an adjective from its masculine singular: `rojo`, `verde`, `azul`."""
    form = adjective[:-1] + "a" if gender == "f" and adjective.endswith("o") else adjective
    if not plural:
        return form
    return form + ("s" if form[-1] in "aeo" else "es")


LANGUAGE = Spanish()
