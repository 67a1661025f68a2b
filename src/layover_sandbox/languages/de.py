"""German: the finite verb second, after "weil" last; people before time and place, things after them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.language import Fields, Language, Phrase, Word, comma
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import CATEGORY_OF, CLASSES, GIVEN, MASS, PREDICATES, WEATHER

DEFINITE = {
    "nom": {"m": "der", "f": "die", "n": "das"},
    "acc": {"m": "den", "f": "die", "n": "das"},
    "dat": {"m": "dem", "f": "der", "n": "dem"},
}
INDEFINITE = {
    "nom": {"m": "ein", "f": "eine", "n": "ein"},
    "acc": {"m": "einen", "f": "eine", "n": "ein"},
    "dat": {"m": "einem", "f": "einer", "n": "einem"},
}
# endings of adjectives: after "der", after "ein", and of the plural after a numeral
OBLIQUE = dict.fromkeys("mfn", "en")
WEAK = {"nom": dict.fromkeys("mfn", "e"), "acc": {"m": "en", "f": "e", "n": "e"}, "dat": OBLIQUE}
MIXED = {"nom": {"m": "er", "f": "e", "n": "es"}, "acc": {"m": "en", "f": "e", "n": "es"}, "dat": OBLIQUE}
COUNTED = {"nom": "e", "acc": "e", "dat": "en"}
WHO = {"nom": "wer", "acc": "wen", "dat": "wem"}
CASE_AFTER = {"von": "dat", "an": "acc"}
# verb particles that are not prepositions in these uses
PREFIXES = {"zurück": "ADV", "frei": "ADV", "kaputt": "ADJ"}


class German(Language):
    """The grammar of German."""

    code: ClassVar[str] = "de"
    name: ClassVar[str] = "German"
    script: ClassVar[str] = "Latin"
    function_words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("auf", "in", "an", "bei", "im", "am", "ins", "zum"), "ADP"),
        **dict.fromkeys(("der", "die", "das", "den", "dem"), "DET"),
    }

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        subject, time = self._subject(clause, pronoun), self._time(clause.time)
        if time_first and time is not None:
            return self._verb_second(clause, time, subject, None)
        return self._verb_second(clause, subject, None, time)

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        subject = None if role == "subject" else self._subject(clause, pronoun=False)
        time = None if role == "time" else self._time(clause.time)
        return self._verb_second(clause, Phrase("ask", self._question_word(clause, role)), subject, time, without=role)

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        link = Phrase("link", (Word("weil", "SCONJ"),))
        subject = self._subject(cause, pronoun=self.is_same_person(effect.subject, cause.subject))
        finite, prefix, reflexive = self._verb(cause)
        verb = Phrase("verb", (Word(prefix + finite.text, finite.pos),))
        adjoins = isinstance(cause.subject, Thing) and not reflexive
        middle = self._middle(cause, None, adjoins=adjoins)
        return [*self.clause(effect), comma(self), link, subject, *reflexive, *middle, verb]

    def fact(self, fact: Fact) -> list[Phrase]:
        subject = Thing(fact.subject, definite=False)
        if fact.relation == "found":
            finding = (Word("findet", "VERB"), Word("man", "PRON"))
            where = self._location("third", Place(fact.value))
            return [Phrase("object", self._thing(subject, "acc")), Phrase("verb", finding), where]
        if fact.relation == "used":
            using = (Word("man", "PRON"), Word("benutzt", "VERB"))
            purpose = self._purpose(fact)
            return [Phrase("verb", using), Phrase("object", self._thing(subject, "acc")), comma(self), purpose]
        if fact.relation == "kind":
            value = Phrase("property", self._thing(Thing(fact.value, definite=False), "nom"))
            return [Phrase("subject", self._thing(subject, "nom")), Phrase("verb", (Word("ist", "AUX"),)), value]
        material = (Word("aus", "ADP"), Word(self.entry("materials", fact.value)[0], "NOUN"))
        consists = Phrase("verb", (Word("besteht", "VERB"),))
        return [Phrase("subject", self._thing(subject, "nom")), consists, Phrase("third", material, (1, 2))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        subject = Thing(fact.subject, definite=False)
        if fact.relation == "found":
            verb = Phrase("verb", (Word("findet", "VERB"), Word("man", "PRON")))
            return [Phrase("ask", (Word("wo", "ADV"),)), verb, Phrase("object", self._thing(subject, "acc"))]
        if fact.relation == "used":
            verb = Phrase("verb", (Word("benutzt", "VERB"), Word("man", "PRON")))
            return [Phrase("ask", (Word("was", "PRON"),)), verb, comma(self), self._purpose(fact)]
        if fact.relation == "kind":
            question_word = Phrase("ask", (Word("was", "PRON"), Word("davon", "ADV")))
            value = Phrase("property", self._thing(Thing(fact.value, definite=False), "nom"))
            return [question_word, Phrase("verb", (Word("ist", "AUX"),)), value]
        verb = Phrase("verb", (Word("besteht", "VERB"),))
        return [Phrase("ask", (Word("woraus", "ADV"),)), verb, Phrase("subject", self._thing(subject, "nom"))]

    def citation(self, concept: str) -> str:
        for section in ("nouns", "places", "materials"):
            if concept in self.lexicon[section]:
                return self.lexicon[section][concept][0]
        return self.entry("nouns", concept)[0]

    # parts of a clause

    def _verb_second(
        self, clause: Clause, first: Phrase, subject: Phrase | None, time: Phrase | None, without: Role | None = None
    ) -> list[Phrase]:
        """Return the clause with `first` before the verb; if the subject is not first, it follows the verb."""
        finite, prefix, reflexive = self._verb(clause)
        behind, adjoins = reflexive, False
        if subject is not None:
            adjoins = isinstance(clause.subject, Thing)
            # "da ruhte sich Anna aus", but "da ruhte sie sich aus"
            light = subject.words[0].pos == "PRON"
            behind = [subject, *reflexive] if light else [*reflexive, subject]
        tail = [Phrase("verb", (Word(prefix, PREFIXES.get(prefix, "ADP")),))] if prefix else []
        middle = self._middle(clause, time, without, adjoins=adjoins)
        return [first, Phrase("verb", (finite,)), *behind, *middle, *tail]

    def _verb(self, clause: Clause) -> tuple[Word, str, list[Phrase]]:
        """Return the finite verb, its prefix, and "sich" for reflexive verbs."""
        if clause.predicate in WEATHER:
            return self.tagged(self.entry("weather", clause.predicate)[0])[0], "", []
        if clause.predicate in {"state", "located"}:
            return Word("war", "AUX"), "", []
        if clause.predicate in {"isa", "compare"}:
            return Word("ist", "AUX"), "", []
        past, *fields = self._verb_entry(clause)
        special = self.lexicon["animal_verbs"].get(clause.predicate)
        if special and isinstance(clause.subject, Thing) and self._is_animal(clause.subject):
            past = special[0]
        _, sich, prefix = fields[0].rpartition("sich") if fields else ("", "", "")
        return Word(past, "VERB"), prefix.strip(), [Phrase("verb", (Word("sich", "PRON"),))] if sich else []

    def _is_animal(self, thing: Thing) -> bool:
        return CATEGORY_OF.get(thing.noun) in CLASSES["animal"]

    def _verb_entry(self, clause: Clause) -> Fields:
        """Return the entry of the verb for this object, else for its category, else the general entry."""
        if isinstance(clause.object, Thing):
            noun, verbs = clause.object.noun, self.lexicon["verbs"]
            for key in (f"{clause.predicate} {noun}", f"{clause.predicate} {CATEGORY_OF.get(noun)}"):
                if key in verbs:
                    return verbs[key]
        return self.entry("verbs", clause.predicate)

    def _government(self, clause: Clause) -> tuple[str, str]:
        """Return the case of the object, and the case or preposition of the third."""
        fields = self._verb_entry(clause)
        return (fields[2:3] or ("",))[0] or "acc", (fields[3:4] or ("",))[0]

    def _closing(self, clause: Clause) -> list[Phrase]:
        """Return the phrase that belongs to the verb and closes its clause: "bei sich"."""
        fields = self._verb_entry(clause)[4:] if clause.predicate in PREDICATES else ()
        return [Phrase("verb", self.tagged(fields[0]))] if fields else []

    def _middle(
        self, clause: Clause, time: Phrase | None, without: Role | None = None, *, adjoins: bool = False
    ) -> list[Phrase]:
        """Return the phrases after the subject and the finite verb, without the prefix.

        `adjoins`: whether an entity without a name comes directly before.

        People come before time and place, things after them; phrases with a preposition or the copula come last.
        """
        when = [] if time is None else [time]
        if clause.predicate in WEATHER:
            return when + [Phrase("verb", self.tagged(end)) for end in self.entry("weather", clause.predicate)[1:]]
        where = [] if clause.place is None or without == "place" else [self._location("place", clause.place)]
        denied = [Phrase("not", (Word("nicht", "PART"),))] if clause.negated else []
        if clause.property is not None:
            return [*when, *where, *denied, *self._predicative(clause)]
        people: list[Phrase] = []
        things: list[Phrase] = []
        bound: list[Phrase] = []
        if clause.third is not None and without != "third":
            third = self._third(clause)
            (bound if third.words[0].pos == "ADP" else people).append(third)
        if clause.object is not None and without not in {"object", "count"}:
            case = self._government(clause)[0]
            early = not isinstance(clause.object, Thing) or (
                clause.object.definite and (case == "dat" or self.is_person(clause.object))
            )
            (people if early else things).append(self._entity("object", clause.object, case))
        if bound and bound[0].words[0].text in {"von", "vom"} and not denied:
            if adjoins and things and not when:
                # "der Lehrer von Peter" would be Peter's teacher
                return [*people, *things, *bound, *where]
            # "von Peter in der Schule das Buch": in the other order it would mean Peter's school, and Peter's book
            return [*people, *when, *bound, *where, *things]
        return [*people, *when, *where, *things, *denied, *bound, *self._closing(clause)]

    def _predicative(self, clause: Clause) -> list[Phrase]:
        """Return the predicative of the subject."""
        name = clause.property or ""
        if clause.predicate == "isa" and isinstance(clause.subject, Name):
            man, woman = self.entry("professions", name)
            return [Phrase("property", self.words(man if GIVEN[clause.subject.given] == "m" else woman, "NOUN"))]
        if clause.predicate == "compare":
            than, word = Phrase("link", (Word("als", "ADP"),)), self.entry("adjectives", name)[1]
            return [Phrase("property", (Word(word, "ADJ"),)), than, self._entity("object", clause.object, "nom")]
        return [Phrase("property", (Word(self.entry("states", name)[0], "ADJ"),))]

    def _third(self, clause: Clause) -> Phrase:
        third = clause.third
        role = "at" if clause.predicate == "located" else PREDICATES[clause.predicate].role
        if role == "at":
            return self._location("third", third)
        if isinstance(third, Place):
            noun, _, goal = self.entry("places", third.noun)
            return _placed("third", self.words(f"{goal} {noun}", "NOUN"))
        if isinstance(third, City):
            return self._entity("third", third, "dat", "aus" if role == "from" else "nach")
        governed = self._government(clause)[1]
        if governed == "dat":
            return self._entity("third", third, "dat")
        return self._entity("third", third, CASE_AFTER[governed], governed)

    def _location(self, role: str, where: Entity | None) -> Phrase:
        """Return where something happened; a separate article is part of the answer."""
        if isinstance(where, Place):
            noun, preposition, _ = self.entry("places", where.noun)
            return _placed(role, self.words(f"{preposition} {noun}", "NOUN"))
        if isinstance(where, Org):
            before, names = self.words(self.entry("sorts", where.sort)[2], "DET"), self._names(where)
            return Phrase(role, (*before, *names), (len(before), len(before) + len(names)), "ORG")
        return self._entity(role, where, "dat", "in")

    def _question_word(self, clause: Clause, role: Role) -> tuple[Word, ...]:
        """Return the question word, with its preposition."""
        if role in {"place", "time"}:
            return (Word("wo" if role == "place" else "wann", "ADV"),)
        if role == "subject":
            return (Word("wer", "PRON"),)
        if role == "third":
            return self._question_word_of_third(clause)
        case = self._government(clause)[0]
        if role == "count" and isinstance(clause.object, Thing):
            many = Word("viel" + COUNTED[case], "DET")
            return (Word("wie", "ADV"), many, *self._plural(clause.object, case))
        personal = case == "dat" or isinstance(clause.object, Org) or self.is_person(clause.object)
        return (Word(WHO[case] if personal else "was", "PRON"),)

    def _question_word_of_third(self, clause: Clause) -> tuple[Word, ...]:
        frame = "at" if clause.predicate == "located" else PREDICATES[clause.predicate].role
        if frame == "at" or isinstance(clause.third, City | Place):
            return (Word({"at": "wo", "into": "wohin", "from": "woher"}[frame], "ADV"),)
        governed = self._government(clause)[1]
        if governed == "dat":
            return (Word("wem", "PRON"),)
        return (Word(governed, "ADP"), Word(WHO[CASE_AFTER[governed]], "PRON"))

    def _subject(self, clause: Clause, pronoun: bool) -> Phrase:
        if clause.predicate in WEATHER:
            return Phrase("verb", (Word("es", "PRON"),))
        if pronoun and isinstance(clause.subject, Name):
            return Phrase("subject", (Word("er" if GIVEN[clause.subject.given] == "m" else "sie", "PRON"),))
        return self._entity("subject", clause.subject, "nom")

    def _time(self, time: str | None) -> Phrase | None:
        if time is None:
            return None
        if time.isdecimal():
            return Phrase("time", (Word("im", "ADP"), Word("Jahr", "NOUN"), Word(time, "NUM")))
        return Phrase("time", self.tagged(self.entry("times", time)[0]))

    def _purpose(self, fact: Fact) -> Phrase:
        words = (Word("um", "SCONJ"), *self.tagged(self.entry("purposes", fact.value)[0]))
        return Phrase("third", words, (1, len(words)))

    # noun phrases

    def _names(self, org: Org) -> tuple[Word, ...]:
        whole = self.entry("sorts", org.sort)[0].replace("*", self.entry("orgs", org.name)[0])
        return tuple(Word(word, "PROPN") for word in whole.split())

    def _entity(self, role: str, entity: Entity | None, case: str, preposition: str = "") -> Phrase:
        before = (Word(preposition, "ADP"),) if preposition else ()
        if isinstance(entity, Thing):
            words = (*before, *self._thing(entity, case))
            return Phrase(role, words, (len(before), len(words)))
        if isinstance(entity, Org):
            article, names, kind = DEFINITE[case][self.entry("sorts", entity.sort)[1]], self._names(entity), "ORG"
            if (preposition, article) == ("von", "dem"):
                before = (Word("vom", "ADP"),)
            else:
                before = (*before, Word(article, "DET"))
        elif isinstance(entity, City):
            names, kind = self.words(self.entry("cities", entity.name)[0], "PROPN"), "LOC"
        elif isinstance(entity, Name):
            family = (Word(self.entry("families", entity.family)[0], "PROPN"),) if entity.family else ()
            names, kind = (Word(self.entry("given", entity.given)[0], "PROPN"), *family), "PER"
        else:
            raise TypeError(f"{role}: a clause has {entity!r}")
        return Phrase(role, (*before, *names), (len(before), len(before) + len(names)), kind)

    def _thing(self, thing: Thing, case: str) -> tuple[Word, ...]:
        if thing.count > 1:
            return (Word(self.entry("numbers", str(thing.count))[0], "NUM"), *self._plural(thing, case))
        singular, gender, *fields = self.entry("nouns", thing.noun)
        if case != "nom" and len(fields) > 1:
            singular = fields[1]
        noun = Word(singular, "NOUN")
        if not thing.definite and thing.noun in MASS:
            return (noun,)
        articles, endings = (DEFINITE, WEAK) if thing.definite else (INDEFINITE, MIXED)
        article = Word(articles[case][gender], "DET")
        if thing.adjective is None:
            return (article, noun)
        return (article, self._adjective(thing.adjective, endings[case][gender]), noun)

    def _plural(self, thing: Thing, case: str) -> tuple[Word, ...]:
        """Return the adjective and the noun after a numeral."""
        plural = self.entry("nouns", thing.noun)[2]
        if case == "dat" and plural[-1] not in "ns":
            plural += "n"
        noun = Word(plural, "NOUN")
        return (self._adjective(thing.adjective, COUNTED[case]), noun) if thing.adjective else (noun,)

    def _adjective(self, name: str, ending: str) -> Word:
        return Word(self.entry("adjectives", name)[0] + ending, "ADJ")


def _placed(role: str, words: tuple[Word, ...]) -> Phrase:
    """Return a common place with its preposition, which is not part of the answer."""
    return Phrase(role, words, (1, len(words)))


LANGUAGE = German()
