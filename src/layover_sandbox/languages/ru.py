"""Russian: no articles, no "is"; cases, numerals that govern them, past tenses that agree in gender."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from layover_sandbox.language import Fields, Phrase, Word, comma
from layover_sandbox.languages._ru_nouns import Declined
from layover_sandbox.meaning import City, Clause, Entity, Fact, Name, Org, Place, Role, Thing
from layover_sandbox.world import CATEGORY_OF, GIVEN, PREDICATES, WEATHER

BE = {"m": "был", "f": "была", "n": "было", "p": "были"}
FORMS = "mfnp"
WHO = {"nom": "кто", "gen": "кого", "dat": "кому", "acc": "кого", "ins": "кем"}
WHAT = {"nom": "что", "gen": "чего", "dat": "чему", "acc": "что", "ins": "чем"}
PRONOUNS = {"m": {"nom": "он", "dat": "ему", "gen": "его"}, "f": {"nom": "она", "dat": "ей", "gen": "её"}}


class Russian(Declined):
    """The grammar of Russian."""

    code: ClassVar[str] = "ru"
    name: ClassVar[str] = "Russian"
    script: ClassVar[str] = "Cyrillic"
    function_words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("полицейский", "полицейском", "нужен", "нужна", "нужно", "нужны"), "ADJ"),
        **dict.fromkeys(BE.values(), "AUX"),
        "в": "ADP",
        "суд": "NOUN",
    }

    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        if clause.predicate in WEATHER:
            # the weather is new information, so the time comes before it
            verb = Phrase("verb", self.tagged(self.entry("weather", clause.predicate)[0]))
            return [*self._time(clause.time), verb]
        subject, agrees = self._subject(clause, pronoun), self._agreement(clause)
        head = self._head(clause, agrees)
        if clause.predicate == "isa" and not clause.negated and not pronoun:
            head = [Phrase("mark", (Word("—", "PUNCT"),))]
        return self._ordered(clause, [subject], head, self._tail(clause, agrees), time_first=time_first)

    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        question_word = self._question_word(clause, role)
        if role == "subject":
            agrees = "m" if self._is_living(clause.subject) else "n"
            if clause.predicate == "need":
                agrees = self._agreement(clause)
            return self._ordered(clause, [question_word], self._head(clause, agrees), self._tail(clause, agrees))
        agrees = "n" if clause.predicate == "need" and role in {"object", "count"} else self._agreement(clause)
        subject, head, tail = self._subject(clause), self._head(clause, agrees), self._tail(clause, agrees, role)
        time = None if role == "time" else clause.time
        is_last = not tail and (time is None or self._is_early(time))
        if role != "time" and is_last and len(head[-1].words) < 3:
            return [question_word, *self._time(time), *head, subject]
        return self._ordered(clause, [question_word, subject], head, tail, timeless=role == "time")

    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        link = Phrase("link", (Word("потому", "ADV"), Word("что", "SCONJ")))
        again = self.is_same_person(effect.subject, cause.subject)
        return [*self.clause(effect), comma(self), link, *self.clause(cause, pronoun=again)]

    def fact(self, fact: Fact) -> list[Phrase]:
        generic = self._generic(fact.subject)
        thing = Phrase("object", self.thing(generic, "acc"))
        if fact.relation == "found":
            can = Phrase("verb", (Word("можно", "ADV"), Word("найти", "VERB")))
            return [thing, can, self.location("third", Place(fact.value))]
        if fact.relation == "used":
            return [thing, Phrase("verb", (Word("используют", "VERB"),)), comma(self), self._purpose(fact)]
        subject = Phrase("subject", self.thing(generic, "nom"))
        if fact.relation == "kind":
            dash, this = Phrase("mark", (Word("—", "PUNCT"),)), Phrase("verb", (Word("это", "PART"),))
            return [subject, dash, this, Phrase("property", self.thing(Thing(fact.value), "nom"))]
        material = (Word("из", "ADP"), Word(self.entry("materials", fact.value)[1], "NOUN"))
        return [subject, self._made(fact), Phrase("third", material, (1, 2))]

    def fact_question(self, fact: Fact) -> list[Phrase]:
        generic = self._generic(fact.subject)
        if fact.relation == "found":
            can = Phrase("verb", (Word("можно", "ADV"), Word("найти", "VERB")))
            return [Phrase("ask", (Word("где", "ADV"),)), can, Phrase("object", self.thing(generic, "acc"))]
        if fact.relation == "used":
            using = Phrase("verb", (Word("используют", "VERB"),))
            return [Phrase("ask", (Word("что", "PRON"),)), using, comma(self), self._purpose(fact)]
        if fact.relation == "kind":
            which = (Word("что", "PRON"), Word("из", "ADP"), Word("этого", "PRON"))
            value = Phrase("property", (Word(self.entry("classes", fact.value)[0], "NOUN"),))
            return [Phrase("ask", which), Phrase("verb", (Word("является", "VERB"),)), value]
        question_word = Phrase("ask", (Word("из", "ADP"), Word("чего", "PRON")))
        return [question_word, self._made(fact), Phrase("object", self.thing(generic, "nom"))]

    def citation(self, concept: str) -> str:
        if concept in self.lexicon["nouns"]:
            return " ".join(word.text for word in self.thing(self._generic(concept), "nom"))
        if concept in self.lexicon["places"]:
            return self.lexicon["places"][concept][1]
        return self.entry("materials", concept)[0]

    # parts of a clause

    def _ordered(
        self,
        clause: Clause,
        first: list[Phrase],
        head: list[Phrase],
        tail: list[Phrase],
        *,
        time_first: bool = False,
        timeless: bool = False,
    ) -> list[Phrase]:
        """Return the phrases with the time: at the beginning, before the verb, or at the end."""
        time = [] if timeless else self._time(clause.time)
        if time_first:
            return [*time, *first, *head, *tail]
        # "in the court on Wednesday" would be `в суде в среду`
        has_place = any(phrase.role == "place" for phrase in tail)
        if clause.time and (has_place or self._is_early(clause.time)):
            return [*first, *time, *head, *tail]
        return [*first, *head, *tail, *time]

    def _time(self, time: str | None) -> list[Phrase]:
        if time is None:
            return []
        if time.isdecimal():
            return [Phrase("time", (Word("в", "ADP"), Word(time, "ADJ"), Word("году", "NOUN")))]
        return [Phrase("time", self.tagged(self.entry("times", time)[0]))]

    def _is_early(self, time: str) -> bool:
        return not time.isdecimal() and "early" in self.entry("times", time)

    def _subject(self, clause: Clause, pronoun: bool = False) -> Phrase:
        """Return the subject: in the dative with `need`, in the genitive for a negated location."""
        case = "dat" if clause.predicate == "need" else "nom"
        if clause.predicate == "located" and clause.negated:
            case = "gen"
        if pronoun and isinstance(clause.subject, Name):
            return Phrase("subject", (Word(PRONOUNS[GIVEN[clause.subject.given]][case], "PRON"),))
        return self.entity("subject", clause.subject, case)

    def _agreement(self, clause: Clause) -> str:
        """Return the agreement of the verb: m, f, n or p."""
        if clause.predicate == "located" and clause.negated:
            return "n"
        entity = clause.object if clause.predicate == "need" else clause.subject
        if isinstance(entity, Name):
            return GIVEN[entity.given]
        if isinstance(entity, Org):
            return self.entry("sorts", entity.sort)[0]
        if isinstance(entity, Thing):
            counted = "p" if entity.count < 5 else "n"
            return counted if entity.count > 1 else self.entry("nouns", entity.noun)[0][0]
        raise TypeError(f"the verb of {clause.predicate} has no subject to agree with")

    def _head(self, clause: Clause, agrees: str) -> list[Phrase]:
        """Return the negation and the verb, which is absent in the present."""
        denied = [Phrase("not", (Word("не", "PART"),))] if clause.negated else []
        if clause.predicate in {"isa", "compare"}:
            return denied
        if clause.predicate == "state":
            state = self._state(clause)
            if "finite" not in state:
                return [*denied, Phrase("verb", (Word(BE[agrees], "AUX"),))]
            # with an infinitive, the infinitive is the property: "wanted to drink"
            return [*denied, Phrase("verb" if len(state) > 5 else "property", self._state_words(state, agrees))]
        if clause.predicate == "located":
            return [*denied, Phrase("verb", (Word(BE[agrees], "AUX"),))]
        return [*denied, Phrase("verb", self.words(self._verb(clause, agrees), "VERB"))]

    def _verb(self, clause: Clause, agrees: str) -> str:
        masculine, feminine, *_ = forms = self._special("verbs", clause.predicate, clause.object)
        if clause.predicate == "need":
            return forms[FORMS.index(agrees)]
        if agrees == "n":
            return f"{feminine[:-1]}о" if feminine.endswith("а") else f"{feminine[:-3]}ось"
        return feminine if agrees == "f" else masculine

    def _special(self, section: str, concept: str, entity: Entity | None) -> Fields:
        """Return the entry of a concept for this noun, else for its category, else the general entry."""
        if isinstance(entity, Thing):
            entries = self.lexicon[section]
            for key in (f"{concept} {entity.noun}", f"{concept} {CATEGORY_OF.get(entity.noun)}"):
                if key in entries:
                    return entries[key]
        return self.entry(section, concept)

    def _state(self, clause: Clause) -> Fields:
        return self._special("states", clause.property or "", clause.subject)

    def _state_words(self, state: Fields, agrees: str) -> tuple[Word, ...]:
        return (Word(state[1 + FORMS.index(agrees)], state[0]),)

    def _tail(self, clause: Clause, agrees: str, without: Role | None = None) -> list[Phrase]:
        """Return the phrases after the verb, without the time and the role of the question."""
        if clause.predicate == "isa":
            gender = 0 if isinstance(clause.subject, Name) and GIVEN[clause.subject.given] == "m" else 1
            return [Phrase("property", (Word(self.entry("professions", clause.property or "")[gender], "NOUN"),))]
        if clause.predicate == "compare":
            compared = Word(self.entry("adjectives", clause.property or "")[2], "ADJ")
            return [Phrase("property", (compared,)), self.entity("object", clause.object, "gen")]
        phrases: list[Phrase] = []
        if clause.predicate == "state":
            phrases += self._complement(clause, agrees)
        if clause.object is not None and without not in {"object", "count"}:
            phrases.append(self.governed("object", clause.object, *self._object_case(clause)))
        if clause.third is not None and without != "third":
            # a recipient comes before the thing: after it, it could be read as the owner of the thing
            at = 0 if self._third_case(clause) == ("", "dat") else len(phrases)
            phrases.insert(at, self._third(clause))
        if clause.place is not None and without != "place":
            phrases.append(self.location("place", clause.place))
        return phrases

    def _complement(self, clause: Clause, agrees: str) -> list[Phrase]:
        """Return the predicative of the subject, or the infinitive after a verb."""
        state = self._state(clause)
        if "finite" not in state:
            return [Phrase("property", self._state_words(state, agrees))]
        return [Phrase("property", (Word(state[5], "VERB"),))] if len(state) > 5 else []

    # government

    def _object_case(self, clause: Clause) -> tuple[str, str]:
        """Return the preposition, or "", and the case of the object."""
        if clause.predicate == "need":
            return "", "nom"
        fields = self._special("verbs", clause.predicate, clause.object)
        return _government(fields[2]) if len(fields) > 2 else ("", "acc")

    def _third_case(self, clause: Clause) -> tuple[str, str]:
        fields = self.entry("verbs", clause.predicate) if clause.predicate != "located" else ()
        return _government(fields[3]) if len(fields) > 3 else ("", "")

    def _third(self, clause: Clause) -> Phrase:
        third, role = clause.third, _frame(clause)
        if role == "at":
            return self.location("third", third)
        if isinstance(third, Place):
            return self.governed("third", third, self.entry("places", third.noun)[0], "acc")
        if isinstance(third, City):
            return self.governed("third", third, *(("из", "gen") if role == "from" else ("в", "acc")))
        return self.governed("third", third, *self._third_case(clause))

    # questions

    def _is_living(self, entity: Entity | None) -> bool:
        """Return whether the question word is "who": for people, organisations and animals, not for a kite."""
        if isinstance(entity, Thing):
            return self.is_person(entity) or CATEGORY_OF.get(entity.noun) in {"pet", "wild", "bird"}
        return isinstance(entity, Name | Org)

    def _question_word(self, clause: Clause, role: Role) -> Phrase:
        """Return the question word with its preposition."""
        if role == "subject":
            return self._pronoun(clause.subject, "", "dat" if clause.predicate == "need" else "nom")
        if role == "count" and isinstance(clause.object, Thing):
            return self._how_many(clause.object, *self._object_case(clause))
        if role == "object":
            return self._pronoun(clause.object, *self._object_case(clause))
        if role in {"place", "time"}:
            adverb = "где" if role == "place" else "когда"
        elif _frame(clause) == "at" or isinstance(clause.third, City | Place):
            adverb = {"at": "где", "into": "куда", "from": "откуда"}[_frame(clause)]
        else:
            return self._pronoun(clause.third, *self._third_case(clause))
        return Phrase("ask", (Word(adverb, "ADV"),))

    def _how_many(self, thing: Thing, preposition: str, case: str) -> Phrase:
        if case != "ins":
            return Phrase("ask", (Word("сколько", "NUM"), *self.noun(thing, "gen", plural=True)))
        counted = (Word("сколькими", "NUM"), *self.noun(thing, "ins", plural=True))
        return Phrase("ask", (Word(preposition, "ADP"), *counted))

    def _pronoun(self, entity: Entity | None, preposition: str, case: str) -> Phrase:
        question_word = Word((WHO if self._is_living(entity) else WHAT)[case], "PRON")
        return Phrase("ask", (Word(preposition, "ADP"), question_word) if preposition else (question_word,))

    # facts

    def _generic(self, noun: str) -> Thing:
        """Return the generic noun: `лук`, where a particular onion is `луковица`."""
        general = f"any {noun}"
        return Thing(general if general in self.lexicon["nouns"] else noun)

    def _made(self, fact: Fact) -> Phrase:
        forms = self._special("making", "made", Thing(fact.subject))
        gender = self.entry("nouns", fact.subject)[0][0]
        return Phrase("verb", (Word(forms[FORMS.index(gender)], "VERB"),))

    def _purpose(self, fact: Fact) -> Phrase:
        words = (Word("чтобы", "SCONJ"), *self.tagged(self.entry("purposes", fact.value)[0]))
        return Phrase("third", words, (1, len(words)))


def _frame(clause: Clause) -> str:
    """Return the role of the third: `to`, `from`, `into` or `at`."""
    return "at" if clause.predicate == "located" else PREDICATES[clause.predicate].role


@cache
def _government(text: str) -> tuple[str, str]:
    """Return the preposition and the case of `у gen`; of `dat`, no preposition."""
    preposition, _, case = text.rpartition(" ")
    return preposition, case


LANGUAGE = Russian()
