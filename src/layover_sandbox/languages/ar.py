"""Modern Standard Arabic: the verb comes first and agrees in gender, no copula in the present, joined prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from layover_sandbox.language import Fields, Language, Phrase, Word, comma
from layover_sandbox.languages._ar_forms import Noun, accusative, definite, feminine, governed, read_noun
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import CATEGORY_OF, CLASSES, GIVEN, PREDICATES, WEATHER


class Arabic(Language):
    """The grammar of Arabic."""

    code: ClassVar[str] = "ar"
    name: ClassVar[str] = "Arabic"
    script: ClassVar[str] = "Arabic"
    asks: ClassVar[str] = "؟"
    comma: ClassVar[str] = "،"
    function_words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("ورقية", "الورقية", "جيدة", "الماضي"), "ADJ"),
        **dict.fromkeys(("سنًا", "بصحة"), "NOUN"),
        "في": "ADP",
        "أمس": "ADV",
    }

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        first = False
        if clause.predicate in WEATHER:
            phrases = [Phrase("verb", self.tagged(self.entry("weather", clause.predicate)[0]))]
        else:
            gender = self._gender(clause.subject)
            verb, rest = self._verb(clause, gender), self._complements(clause, gender)
            subject = self._subject(clause, pronoun)
            first = bool(subject) and self._subject_first(clause, pronoun)
            phrases = [*subject, *verb, *rest] if first else [*verb, *subject, *rest]
        time = self._time(clause)
        if not time_first:
            return [*phrases, *time]
        return [*time, *([comma(self)] if first else []), *phrases]

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        if role == "subject":
            if clause.predicate == "isa":
                profession = Word(self._noun(clause.property or "").definite, "NOUN")
                question_word = Phrase("ask", (Word("من", "PRON"), Word("هو", "PRON")))
                return [question_word, Phrase("property", (profession,)), *self._time(clause)]
            that = (Word("الذي", "PRON"),) if self._is_party(clause.object) else ()
            question_word = Phrase("ask", (Word("من", "PRON"), *that))
            return [question_word, *self._verb(clause, "m"), *self._complements(clause, "m"), *self._time(clause)]
        gender = self._gender(clause.subject)
        verb = self._verb(clause, gender)
        if role == "object" and self._is_party(clause.object) and not self._governs_object(clause):
            # without the pronoun it could also ask for the subject
            question_word = Phrase("ask", (Word("من", "PRON"), Word("الذي", "PRON")))
            verb = [Phrase("verb", (Word(self._him(clause.predicate, verb[0].words[0].text, gender), "VERB"),))]
        else:
            question_word = Phrase("ask", self._question_word(clause, role))
        subject = self._entity("subject", clause.subject)
        time = [] if role == "time" else self._time(clause)
        return [question_word, *verb, subject, *self._complements(clause, gender, without=role), *time]

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        phrases = self.clause(effect)
        if cause.predicate in WEATHER:
            weather = self.tagged(self.entry("weather", cause.predicate)[1])
            return [*phrases, Phrase("link", (Word("لأن", "SCONJ"),)), Phrase("verb", weather)]
        gender = self._gender(cause.subject)
        rest = [*self._verb(cause, gender), *self._complements(cause, gender)]
        if self.is_same_person(effect.subject, cause.subject):
            return [*phrases, Phrase("link", (Word("لأنها" if gender == "f" else "لأنه", "SCONJ"),)), *rest]
        subject = self._entity("subject", cause.subject, accusative=True)
        return [*phrases, Phrase("link", (Word("لأن", "SCONJ"),)), subject, *rest]

    def fact(self, fact: Fact) -> list[Phrase]:
        noun = self._noun(fact.subject)
        generic = self.words(noun.generic, "NOUN")
        if fact.relation == "found":
            return [*self._finding(noun), self._location("third", Place(fact.value))]
        if fact.relation == "used":
            purpose = Phrase("third", self.tagged(self.entry("purposes", fact.value)[0]))
            return [self._people_use(), Phrase("object", generic), purpose]
        if fact.relation == "kind":
            value = self.words(self._noun(fact.value).indefinite, "NOUN")
            return [Phrase("subject", generic), Phrase("property", value)]
        material = (Word("من", "ADP"), Word(self.entry("materials", fact.value)[0], "NOUN"))
        return [self._is_made(fact.subject), Phrase("subject", generic), Phrase("third", material, (1, 2))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        noun = self._noun(fact.subject)
        if fact.relation == "found":
            return [Phrase("ask", (Word("أين", "ADV"),)), *self._finding(noun)]
        if fact.relation == "used":
            purpose = Phrase("third", self.tagged(self.entry("purposes", fact.value)[0]))
            return [Phrase("ask", (Word("ماذا", "PRON"),)), self._people_use(), purpose]
        if fact.relation == "kind":
            value = Phrase("property", self.words(self._noun(fact.value).indefinite, "NOUN"))
            return [Phrase("ask", (Word("أي", "DET"), Word("مما", "PRON"), Word("يلي", "VERB"))), value]
        question_word = Phrase("ask", (Word("من", "ADP"), Word("أي", "DET"), Word("مادة", "NOUN")))
        return [question_word, self._is_made(fact.subject), Phrase("subject", self.words(noun.generic, "NOUN"))]

    def citation(self, concept: str) -> str:
        for section in ("places", "materials"):
            if concept in self.lexicon[section]:
                return self.lexicon[section][concept][0]
        return self._noun(concept).indefinite

    # parts of a clause

    def _subject(self, clause: Clause, pronoun: bool) -> list[Phrase]:
        """Return the subject; no pronoun if the verb alone shows it."""
        if not pronoun or not isinstance(clause.subject, Name):
            return [self._entity("subject", clause.subject)]
        if clause.predicate == "isa" or self._could_act(clause):
            return [Phrase("subject", (Word("هو" if GIVEN[clause.subject.given] == "m" else "هي", "PRON"),))]
        return []

    def _could_act(self, clause: Clause) -> bool:
        """Return whether the object, right after the verb, could be read as its subject."""
        if self._governs_object(clause):
            return False
        return self._is_party(clause.object) or (isinstance(clause.object, Thing) and clause.predicate == "follow")

    def _subject_first(self, clause: Clause, pronoun: bool) -> bool:
        """Return whether the subject comes before the verb.

        It does in the present, which has no verb, for a pronoun, and if subject and object could be read as a single
        phrase after the verb: two names, or a profession and a name.
        """
        if pronoun or clause.predicate in {"isa", "compare"}:
            return True
        if not (self._is_party(clause.subject) and self.is_person(clause.object)) or self._governs_object(clause):
            return False
        return isinstance(clause.subject, Name) or isinstance(clause.object, Name)

    def _verb(self, clause: Clause, gender: str) -> list[Phrase]:
        """Return the verb, negated by a particle and the jussive; empty in the present, which has no copula."""
        if clause.predicate in {"isa", "compare"}:
            is_not = Word("ليس" if gender == "m" else "ليست", "AUX")
            return [Phrase("not", (is_not,))] if clause.negated else []
        past, jussive, pos = "كان", "يكن", "AUX"
        if clause.predicate not in {"state", "located"}:
            noun = clause.object.noun if isinstance(clause.object, Thing) else ""
            past, jussive, *_ = self._variant("verbs", clause.predicate, noun)
            pos = "VERB"
        if clause.negated:
            form = jussive if gender == "m" else "ت" + jussive[1:]
            return [Phrase("not", (Word("لم", "PART"),)), Phrase("verb", (Word(form, pos),))]
        return [Phrase("verb", (Word(past if gender == "m" else feminine(past), pos),))]

    def _complements(self, clause: Clause, gender: str, without: Role | None = None) -> list[Phrase]:
        """Return the phrases after verb and subject, without the time and the role of the question."""
        phrases: list[Phrase] = []
        if clause.predicate in {"isa", "state"}:
            phrases.append(Phrase("property", self._property(clause, gender)))
        elif clause.predicate == "compare":
            noun = clause.subject.noun if isinstance(clause.subject, Thing) else ""
            compared = self.words(self._variant("adjectives", clause.property or "", noun)[3], "ADJ")
            than = Phrase("link", (Word("من", "ADP"),))
            phrases += [Phrase("property", compared), than, self._entity("object", clause.object)]
        elif clause.object is not None and without not in {"object", "count"}:
            phrases.append(self._object(clause))
        if clause.third is not None and without != "third":
            phrases.append(self._third(clause))
        if clause.place is not None and without != "place":
            phrases.append(self._location("place", clause.place))
        return phrases

    def _property(self, clause: Clause, gender: str) -> tuple[Word, ...]:
        concept = clause.property or ""
        if clause.predicate == "state":
            noun = clause.subject.noun if isinstance(clause.subject, Thing) else ""
            return self.words(self._variant("states", concept, noun)[gender == "f"], "ADJ")
        text = self._noun(concept).indefinite if gender == "m" else self.entry("feminine", concept)[0]
        return (Word(accusative(text) if clause.negated else text, "NOUN"),)

    def _object(self, clause: Clause) -> Phrase:
        if self._governs_object(clause):
            phrase = self._entity("object", clause.object)
            return governed(self.entry("verbs", clause.predicate)[2], phrase)
        return self._entity("object", clause.object, accusative=True)

    def _governs_object(self, clause: Clause) -> bool:
        """Return whether the object of the verb has a preposition."""
        if clause.object is None or clause.predicate not in PREDICATES or PREDICATES[clause.predicate].third:
            return False
        return len(self.entry("verbs", clause.predicate)) > len(("past", "jussive"))

    def _third(self, clause: Clause) -> Phrase:
        if clause.predicate == "located" or PREDICATES[clause.predicate].role == "at":
            return self._location("third", clause.third)
        return governed(self.entry("verbs", clause.predicate)[2], self._entity("third", clause.third))

    def _location(self, role: str, where: Entity | None) -> Phrase:
        preposition = self.entry("places", where.noun)[1] if isinstance(where, Place) else "في"
        return governed(preposition, self._entity(role, where))

    def _time(self, clause: Clause) -> list[Phrase]:
        if clause.time is None:
            return []
        if clause.time.isdecimal():
            return [Phrase("time", (Word("في", "ADP"), Word("عام", "NOUN"), Word(clause.time, "NUM")))]
        return [Phrase("time", self.words(self.entry("times", clause.time)[0], "NOUN"))]

    # questions

    def _question_word(self, clause: Clause, role: Role) -> tuple[Word, ...]:
        """Return the question word, after its preposition."""
        if role in {"place", "time"} or clause.predicate == "located":
            return (Word("متى" if role == "time" else "أين", "ADV"),)
        if role == "count" and isinstance(clause.object, Thing):
            noun = self._noun(clause.object.noun)
            counted = self._modified(clause.object, noun.after_how_many, noun.gender, accusative=True)
            how_many = (Word("كم", "DET"), *counted)
            if not self._governs_object(clause):
                return how_many
            return (Word(self.entry("verbs", clause.predicate)[2], "ADP"), *how_many)
        if role == "third" or self._governs_object(clause):
            return self.tagged(self.entry("verbs", clause.predicate)[3])
        return (Word("ماذا", "PRON"),)

    def _him(self, predicate: str, verb: str, gender: str) -> str:
        """Return the verb with "him" after it."""
        if gender == "m" and predicate in self.lexicon["him"]:
            return self.lexicon["him"][predicate][0]
        return verb[:-1] + "اه" if verb[-1] in "ىا" else verb + "ه"

    def _is_party(self, entity: Entity | None) -> bool:
        return self.is_person(entity) or isinstance(entity, Org)

    # facts

    def _finding(self, noun: Noun) -> list[Phrase]:
        can = Phrase("verb", (Word("يمكن", "VERB"), Word("العثور", "NOUN")))
        return [can, governed("على", Phrase("object", self.words(noun.many, "NOUN")))]

    def _people_use(self) -> Phrase:
        return Phrase("verb", (Word("يستخدم", "VERB"), Word("الناس", "NOUN")))

    def _is_made(self, noun: str) -> Phrase:
        """Return "is made", or "is built" for a building; the passive differs only in the first vowel."""
        stem = "ُبنى" if CATEGORY_OF[noun] == "building" else "ُصنع"
        return Phrase("verb", (Word(("ي" if self._noun(noun).gender == "m" else "ت") + stem, "VERB"),))

    # noun phrases

    def _entity(self, role: str, entity: Entity | None, *, accusative: bool = False) -> Phrase:
        if isinstance(entity, Name):
            full = [self.entry("given", entity.given)[0]]
            full += [self.entry("families", entity.family)[0]] if entity.family else []
            return Phrase(role, tuple(Word(name, "PROPN") for name in full), entity="PER")
        if isinstance(entity, Org):
            names = (self.entry("sorts", entity.sort)[0], self.entry("orgs", entity.name)[0])
            return Phrase(role, tuple(Word(name, "PROPN") for name in names), entity="ORG")
        if isinstance(entity, City):
            return Phrase(role, self.words(self.entry("cities", entity.name)[0], "PROPN"), entity="LOC")
        if isinstance(entity, Place):
            return Phrase(role, self.words(self.entry("places", entity.noun)[0], "NOUN"))
        if isinstance(entity, Thing):
            return Phrase(role, self._thing(entity, accusative))
        raise TypeError(f"{role} is missing in a clause")

    def _thing(self, thing: Thing, accusative: bool) -> tuple[Word, ...]:
        noun = self._noun(thing.noun)
        if thing.count > 1:
            number = Word(self.entry("numbers", str(thing.count))[noun.gender == "f"], "NUM")
            return (number, *self._modified(thing, noun.plural, "f"))
        if thing.definite:
            return self._modified(thing, noun.definite, noun.gender)
        form = noun.accusative if accusative else noun.indefinite
        return self._modified(thing, form, noun.gender, accusative=accusative)

    def _modified(self, thing: Thing, noun: str, gender: str, *, accusative: bool = False) -> tuple[Word, ...]:
        """Return a form of the noun and the adjective; a plural of things agrees as a feminine singular."""
        words = self.words(noun, "NOUN")
        if thing.adjective is None:
            return words
        he, she, accusative_he, *_ = self._variant("adjectives", thing.adjective, thing.noun)
        text = she if gender == "f" else accusative_he if accusative else he
        return (*words, Word(definite(text) if thing.definite else text, "ADJ"))

    def _gender(self, entity: Entity | None) -> str:
        """Return the gender for the agreement of verb and predicate."""
        if isinstance(entity, Name):
            return GIVEN[entity.given]
        if isinstance(entity, Org):
            return self.entry("sorts", entity.sort)[1]
        return self._noun(entity.noun).gender if isinstance(entity, Thing) else "m"

    # the lexicon

    def _noun(self, concept: str) -> Noun:
        if concept not in self._nouns:
            self._nouns[concept] = read_noun(self.lexicon, concept, self.entry("nouns", concept))
        return self._nouns[concept]

    @cached_property
    def _nouns(self) -> dict[str, Noun]:
        return {}

    def _variant(self, section: str, concept: str, noun: str) -> Fields:
        """Return the fields of a concept, or of its variant for the noun or the category of the noun."""
        category, variants = CATEGORY_OF.get(noun, ""), self.lexicon["variants"]
        group = "animal" if category in CLASSES["animal"] else category
        return variants.get(f"{concept}.{noun}") or variants.get(f"{concept}.{group}") or self.entry(section, concept)


LANGUAGE = Arabic()
