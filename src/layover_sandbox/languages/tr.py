"""Turkish: the verb at the end, cases as suffixes, the indefinite object right before the verb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from layover_sandbox.language import Language, Phrase, Word, comma
from layover_sandbox.languages._tr_endings import in_year, inflect, is_one, pluperfect, was_at
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import CATEGORY_OF, MASS, PREDICATES, PROFESSIONS, WEATHER

ANIMALS = ("pet", "wild", "bird")
THIRD_CASES = {"to": "dat", "into": "dat", "from": "abl", "at": "loc"}
WHO = {"nom": "kim", "acc": "kimi", "dat": "kime", "abl": "kimden", "gen": "kimin", "ins": "kiminle"}
WHAT = {"nom": "ne", "acc": "neyi", "dat": "neye"}
WHERE = {"dat": "nereye", "abl": "nereden", "loc": "nerede"}


class Turkish(Language):
    """The grammar of Turkish."""

    code: ClassVar[str] = "tr"
    name: ClassVar[str] = "Turkish"
    script: ClassVar[str] = "Latin"
    function_words: ClassVar[Mapping[str, str]] = {"geçen": "ADJ", "mahkûm": "ADJ"}

    def capital(self, text: str) -> str:
        """Return the text with a capital first letter; capital i has a dot."""
        return "İ" + text[1:] if text.startswith("i") else super().capital(text)

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        """Return a clause; a subject that was just named is dropped."""
        return self._clause(clause, time_first=time_first, pronoun=pronoun)

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        """Return a question; the question word has the position of the stress."""
        return self._arranged(clause, query=role)

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        """Return a sentence with its cause, which happened before."""
        link = Phrase("link", (Word("çünkü", "CCONJ"),))
        again = self.is_same_person(effect.subject, cause.subject)
        return [*self._clause(effect), comma(self), link, *self._clause(cause, pronoun=again, before=True)]

    def fact(self, fact: Fact) -> list[Phrase]:
        subject = self._thing(Thing(fact.subject, definite=False), bare=True)
        if fact.relation == "found":
            return [
                self._entity("third", Place(fact.value), "loc"),
                Phrase("object", subject),
                Phrase("verb", (Word("bulunur", "VERB"),)),
            ]
        if fact.relation == "used":
            return [Phrase("object", subject), self._purpose(fact.value), Phrase("verb", (Word("kullanılır", "VERB"),))]
        if fact.relation == "kind":
            return [Phrase("subject", subject), self._one(fact.value)]
        material = self._inflected("materials", fact.value, "abl", "NOUN")
        return [Phrase("subject", subject), Phrase("third", material), Phrase("verb", (Word("yapılır", "VERB"),))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        subject = Phrase("object", self._thing(Thing(fact.subject, definite=False), bare=True))
        if fact.relation == "found":
            question_word = Phrase("ask", (Word("nerede", "PRON"),))
            return [subject, question_word, Phrase("verb", (Word("bulunur", "VERB"),))]
        if fact.relation == "used":
            question_word = Phrase("ask", (Word("ne", "PRON"),))
            return [self._purpose(fact.value), question_word, Phrase("verb", (Word("kullanılır", "VERB"),))]
        if fact.relation == "kind":
            question_word = Phrase("ask", (Word("bunlardan", "PRON"), Word("hangisi", "PRON")))
            return [question_word, self._one(fact.value)]
        # "neden" alone would mean why
        question_word = Phrase("ask", (Word("hangi", "DET"), Word("malzemeden", "NOUN")))
        return [subject, question_word, Phrase("verb", (Word("yapılır", "VERB"),))]

    def citation(self, concept: str) -> str:
        for section in ("nouns", "places", "materials"):
            if concept in self.lexicon[section]:
                return self.lexicon[section][concept][0]
        return self.entry("nouns", concept)[0]

    # a clause

    def _clause(
        self, clause: Clause, *, time_first: bool = False, pronoun: bool = False, before: bool = False
    ) -> list[Phrase]:
        """Return a statement; `before` renders it as an earlier event, the cause of the last one."""
        if clause.predicate in WEATHER:
            words = self.tagged(self.entry("weather", clause.predicate)[1 if before else 0])
            return [*self._time(clause), Phrase("verb", words)]
        dropped = pronoun and isinstance(clause.subject, Name)
        return self._arranged(clause, time_first=time_first, dropped=dropped, before=before)

    def _arranged(
        self,
        clause: Clause,
        *,
        query: Role | None = None,
        time_first: bool = False,
        dropped: bool = False,
        before: bool = False,
    ) -> list[Phrase]:
        """Return subject, time, place, definite object, third, question word, indefinite object, verb."""
        subject: list[Phrase] = []
        if dropped and clause.predicate == "isa":  # `Öğretmen.` alone is not a sentence
            subject = [Phrase("subject", (Word("kendisi", "PRON"),))]
        elif not dropped and query != "subject":
            subject = [self._entity("subject", clause.subject, "gen" if clause.predicate == "need" else "nom")]
        time = [] if query == "time" else self._time(clause)
        phrases = [*time, *subject] if time_first else [*subject, *time]
        if clause.place is not None and query != "place":
            phrases.append(self._entity("place", clause.place, "loc"))
        late: list[Phrase] = []
        if clause.object is not None and query not in {"object", "count"}:
            phrase = self._entity("object", clause.object, self._object_case(clause))
            (late if self._is_indefinite(clause.object) else phrases).append(phrase)
        if clause.third is not None and clause.predicate != "located" and query != "third":
            phrases.append(self._entity("third", clause.third, THIRD_CASES[PREDICATES[clause.predicate].role]))
        if query is not None:
            phrases.append(self._question_word(clause, query))
        phrases += late
        if clause.predicate != "located" or query != "third":
            phrases += self._predicate(clause, before)
        return self._with_comma(clause, phrases)

    def _predicate(self, clause: Clause, before: bool) -> list[Phrase]:
        """Return the verb or the predicative."""
        name = clause.property or ""
        if clause.predicate == "isa":
            is_not = [Phrase("not", (Word("değil", "AUX"),))] if clause.negated else []
            return [Phrase("property", self.words(self.entry("nouns", name)[0], "NOUN")), *is_not]
        if clause.predicate == "compare":
            return [Phrase("property", (Word("daha", "ADV"), self._adjective(name, clause.subject)))]
        if clause.predicate == "state":
            words = self.tagged(self._variant("states", name, clause.subject)[1 if clause.negated else 0])
            return [Phrase("property", words[:1]), *([Phrase("not", words[1:])] if words[1:] else [])]
        if clause.predicate == "located":
            return self._whereabouts(clause)
        past, denied, *more = self._variant("verbs", clause.predicate, clause.object)
        *parts, verb = (denied if clause.negated else past).split()
        words = (*self.words(" ".join(parts), "NOUN"), Word(verb, "VERB"))
        return [Phrase("verb", self._earlier(words) if before and "lasts" not in more else words)]

    def _whereabouts(self, clause: Clause) -> list[Phrase]:
        """Return `pazardaydı`, or `pazarda değildi`."""
        where = self._entity("third", clause.third, "loc")
        if clause.negated:
            return [where, Phrase("not", (Word("değildi", "AUX"),))]
        *first, last = where.words
        return [Phrase("third", (*first, Word(was_at(last.text), last.pos)), entity=where.entity)]

    def _earlier(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        return (*words[:-1], Word(pluperfect(words[-1].text), words[-1].pos))

    def _variant(self, section: str, concept: str, described: Entity | None) -> tuple[str, ...]:
        """Return the fields of the concept, or of its variant for the described noun or its category."""
        special, noun = self.lexicon[f"special {section}"], described.noun if isinstance(described, Thing) else ""
        fields = special.get(f"{concept} {noun}") or special.get(f"{concept} {CATEGORY_OF.get(noun)}")
        return fields or self.entry(section, concept)

    def _object_case(self, clause: Clause) -> str:
        """Return the case of the object; with most verbs an indefinite object has no accusative."""
        if clause.predicate == "compare":
            return "abl"
        case = (*self.entry("verbs", clause.predicate), "", "")[2]
        if case in {"dat", "ins"}:
            return case
        return "nom" if self._is_indefinite(clause.object) and case != "acc always" else "acc"

    def _is_indefinite(self, entity: Entity | None) -> bool:
        return isinstance(entity, Thing) and not entity.definite

    def _question_word(self, clause: Clause, role: Role) -> Phrase:
        """Return the question word in the case of its role."""
        if role == "time":
            return Phrase("ask", (Word("ne", "ADJ"), Word("zaman", "NOUN")))
        if role == "subject":
            return Phrase("ask", (Word(WHO["gen" if clause.predicate == "need" else "nom"], "PRON"),))
        if role == "count" and isinstance(clause.object, Thing):
            return Phrase("ask", (Word("kaç", "ADJ"), *self._noun(clause.object, self._object_case(clause))))
        if role == "object":
            return Phrase("ask", (self._who_or_what(clause),))
        if clause.predicate == "located":
            return Phrase("ask", (Word("neredeydi", "PRON"),))
        case = "loc" if role == "place" else THIRD_CASES[PREDICATES[clause.predicate].role]
        is_where = role == "place" or case == "loc" or isinstance(clause.third, City | Place)
        return Phrase("ask", (Word((WHERE if is_where else WHO)[case], "PRON"),))

    def _who_or_what(self, clause: Clause) -> Word:
        case = self._object_case(clause)
        if self.is_person(clause.object) or isinstance(
            clause.object, Org
        ):  # organisations too: a bank is sued, so "whom"
            return Word(WHO[case], "PRON")
        fields = self._variant("verbs", clause.predicate, clause.object)
        if "ne" in fields or (isinstance(clause.object, Thing) and clause.object.noun in MASS):
            case = "nom"
        elif "neyi" in fields:
            case = "acc"
        return Word(WHAT[case], "PRON")

    def _with_comma(self, clause: Clause, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with a comma after a subject that could otherwise be read as one phrase with the next."""
        for number, phrase in enumerate(phrases[:-1]):
            if phrase.role == "subject" and self._runs_together(clause, phrases[number + 1]):
                return [*phrases[: number + 1], comma(self), *phrases[number + 1 :]]
        return phrases

    def _runs_together(self, clause: Clause, following: Phrase) -> bool:
        """Return whether subject and next phrase look like a longer name, or like a compound: `keçi peyniri`."""
        if following.role not in {"object", "third"} or clause.predicate in {"compare", "located", "need"}:
            return False
        thing, subject = clause.object, clause.subject
        if following.entity in {"PER", "ORG"}:
            # `doktor Anna` could be a title, `maymun Oscar` a nickname; things are not used as titles
            return not isinstance(subject, Thing) or subject.noun in PROFESSIONS or _is_animal(subject)
        if following.role != "object" or not isinstance(thing, Thing) or not isinstance(subject, Thing):
            return False
        if subject.noun == "patient":  # "hasta" is also an adjective
            return thing.count == 1
        if self._object_case(clause) != "acc" or not thing.definite or thing.adjective or thing.noun in PROFESSIONS:
            return False
        nominative, accusative = self.entry("nouns", thing.noun)
        return not accusative.startswith((nominative + "y", nominative + "n"))

    def _time(self, clause: Clause) -> list[Phrase]:
        time = clause.time
        if time is None:
            return []
        if time.isdecimal():
            return [Phrase("time", (Word(in_year(time), "NUM"),))]
        return [Phrase("time", self.words(self.entry("times", time)[0], "NOUN"))]

    def _one(self, noun: str) -> Phrase:
        return Phrase("property", (Word("bir", "DET"), Word(is_one(*self.entry("nouns", noun)), "NOUN")))

    def _purpose(self, purpose: str) -> Phrase:
        words = self.tagged(self.entry("purposes", purpose)[0])
        return Phrase("third", (*words, Word("için", "ADP")), (0, len(words)))

    # noun phrases

    def _entity(self, role: str, entity: Entity | None, case: str) -> Phrase:
        if isinstance(entity, Name):
            given = self._inflected("given", entity.given, "nom" if entity.family else case, "PROPN")
            family = self._inflected("families", entity.family, case, "PROPN") if entity.family else ()
            return Phrase(role, (*given, *family), entity="PER")
        if isinstance(entity, Org):
            name = Word(self.entry("orgs", entity.name)[0], "PROPN")
            return Phrase(role, (name, *self._inflected("sorts", entity.sort, case, "PROPN")), entity="ORG")
        if isinstance(entity, City):
            return Phrase(role, self._inflected("cities", entity.name, case, "PROPN"), entity="LOC")
        if isinstance(entity, Place):
            return Phrase(role, self._inflected("places", entity.noun, case, "NOUN"))
        if isinstance(entity, Thing):
            return Phrase(role, self._thing(entity, case))
        raise TypeError(f"{role} is missing in a clause")

    def _thing(self, thing: Thing, case: str = "nom", *, bare: bool = False) -> tuple[Word, ...]:
        """Return the noun with its modifiers: `üç kırmızı araba`, `kırmızı bir araba`; `bare` has no `bir`."""
        words = self._noun(thing, case)
        if thing.count > 1:
            return (Word(self.entry("numbers", str(thing.count))[0], "NUM"), *words)
        if thing.definite or bare or thing.noun in MASS:
            return words
        adjectives = 1 if thing.adjective else 0
        return (*words[:adjectives], Word("bir", "DET"), *words[adjectives:])

    def _noun(self, thing: Thing, case: str) -> tuple[Word, ...]:
        """Return the adjective and the noun."""
        adjective = (self._adjective(thing.adjective, thing),) if thing.adjective else ()
        return (*adjective, *self._inflected("nouns", thing.noun, case, "NOUN"))

    def _adjective(self, name: str, described: Entity | None) -> Word:
        forms = self.entry("adjectives", name)
        return Word(forms[-1] if _is_animal(described) else forms[0], "ADJ")

    def _inflected(self, section: str, concept: str, case: str, pos: str) -> tuple[Word, ...]:
        nominative, accusative = self.entry(section, concept)
        return self.words(inflect(nominative, accusative, case), pos)


def _is_animal(entity: Entity | None) -> bool:
    return isinstance(entity, Thing) and CATEGORY_OF.get(entity.noun) in ANIMALS


LANGUAGE = Turkish()
