"""The declension of Russian names, nouns, adjectives and numerals."""

from __future__ import annotations

from functools import cache

from layover_sandbox.language import Language, Phrase, Word
from layover_sandbox.meaning import City, Entity, Name, Org, Place, Thing
from layover_sandbox.world import GIVEN

NAME_CASES = ("nom", "gen", "dat", "acc", "ins")
CITY_CASES = ("nom", "gen", "acc", "loc")
SORT_CASES = ("nom", "gen", "dat", "acc", "loc")
NOUN_FIELDS = {"nom": 1, "gen": 2, "gen plural": 3, "dat": 4, "ins": 5, "ins plural": 6}
SLOTS = ("nom f", "nom n", "nom p", "acc f", "gen m", "dat m", "ins m", "gen f", "gen p", "ins p")
ENDINGS = {
    "hard": dict(zip(SLOTS, ["ая", "ое", "ые", "ую", "ого", "ому", "ым", "ой", "ых", "ыми"], strict=True)),
    "velar": dict(zip(SLOTS, ["ая", "ое", "ие", "ую", "ого", "ому", "им", "ой", "их", "ими"], strict=True)),
    "soft": dict(zip(SLOTS, ["яя", "ее", "ие", "юю", "его", "ему", "им", "ей", "их", "ими"], strict=True)),
}
"""Endings of adjectives; the ending of the citation form also has two letters."""


@cache
def _slot(case: str, gender: str, *, animate: bool) -> str:
    """Return the adjective's form for a case and a gender; a neuter has the masculine form except in the nominative."""
    if case == "acc" and gender != "f":
        case = "gen" if animate else "nom"
    if gender == "f":
        return f"{case} f" if case in {"nom", "acc"} else "gen f"
    if gender == "p":
        return f"{case} p"
    return f"{case} {gender}" if case == "nom" else f"{case} m"


class Declined(Language):
    """Declension of phrases; cases are `nom`, `gen`, `dat`, `acc`, `ins` and `loc`."""

    def location(self, role: str, where: Entity | None) -> Phrase:
        """Return the phrase of a location."""
        preposition = self.entry("places", where.noun)[0] if isinstance(where, Place) else "в"
        return self.governed(role, where, preposition, "loc")

    def governed(self, role: str, entity: Entity | None, preposition: str, case: str) -> Phrase:
        """Return the entity in a case, after the preposition if there is one."""
        phrase = self.entity(role, entity, case)
        if not preposition:
            return phrase
        words = (Word(preposition, "ADP"), *phrase.words)
        return Phrase(role, words, (1, len(words)), phrase.entity)

    def entity(self, role: str, entity: Entity | None, case: str) -> Phrase:
        """Return the entity in a case, without a preposition."""
        if isinstance(entity, Name):
            return Phrase(role, self._name(entity, case), entity="PER")
        if isinstance(entity, Org):
            sort = Word(self.entry("sorts", entity.sort)[1 + SORT_CASES.index(case)], "NOUN")
            name = Word(self.entry("orgs", entity.name)[0], "PROPN")
            opened, closed = Word("«", "PUNCT", opens=True), Word("»", "PUNCT", joined=True)
            return Phrase(role, (sort, opened, name, closed), entity="ORG")
        if isinstance(entity, City):
            city = self.entry("cities", entity.name)[CITY_CASES.index(case)]
            return Phrase(role, (Word(city, "PROPN"),), entity="LOC")
        if isinstance(entity, Place):
            _, nominative, accusative, locative = self.entry("places", entity.noun)
            text = {"nom": nominative, "acc": accusative, "loc": locative}[case]
            return Phrase(role, self.words(text, "NOUN"))
        if isinstance(entity, Thing):
            return Phrase(role, self.thing(entity, case))
        raise TypeError(f"{role} is missing in a clause")

    def _name(self, name: Name, case: str) -> tuple[Word, ...]:
        number = NAME_CASES.index(case)
        given = Word(self.entry("given", name.given)[number], "PROPN")
        if not name.family:
            return (given,)
        families = self.entry("families", name.family)
        return given, Word(families[number if GIVEN[name.given] == "m" else 0], "PROPN")

    def thing(self, thing: Thing, case: str) -> tuple[Word, ...]:
        """Return the thing; a numeral in the nominative or accusative governs the genitive of its noun."""
        if thing.count == 1:
            return self.noun(thing, case)
        kind = self.entry("nouns", thing.noun)[0]
        nominative, genitive, instrumental, collective = self.entry("numbers", str(thing.count))
        if case == "ins":
            return (Word(instrumental, "NUM"), *self.noun(thing, "ins", plural=True))
        if kind == "p":
            return (Word(collective, "NUM"), *self.noun(thing, "gen", plural=True))
        if thing.count > 4:
            return (Word(nominative, "NUM"), *self.noun(thing, "gen", plural=True))
        if case == "acc" and kind.endswith("a"):
            return (Word(genitive, "NUM"), *self.noun(thing, "gen", plural=True))
        slot = "nom p" if kind[0] == "f" else "gen p"
        return (Word(nominative, "NUM"), *self._adjectives(thing, slot), self._declined(thing, "gen"))

    def noun(self, thing: Thing, case: str, *, plural: bool = False) -> tuple[Word, ...]:
        """Return the adjectives and the noun."""
        kind = self.entry("nouns", thing.noun)[0]
        slot = _slot(case, "p" if plural else kind[0], animate=kind.endswith("a"))
        return (*self._adjectives(thing, slot), self._declined(thing, f"{case} plural" if plural else case))

    def _adjectives(self, thing: Thing, slot: str) -> tuple[Word, ...]:
        own = self.lexicon["compounds"].get(thing.noun, ())
        concepts = (*((thing.adjective,) if thing.adjective else ()), *own)
        return tuple(Word(self._adjective(concept, slot), "ADJ") for concept in concepts)

    def _adjective(self, concept: str, slot: str) -> str:
        citation, declension, *_ = self.entry("adjectives", concept)
        return citation if slot == "nom m" else citation[:-2] + ENDINGS[declension][slot]

    def _declined(self, thing: Thing, case: str) -> Word:
        """Return the noun; its accusative equals the genitive if animate, else the nominative, except for -а and -я."""
        fields = self.entry("nouns", thing.noun)
        kind, nominative = fields[:2]
        if case == "acc" and kind[0] in "mf" and nominative[-1] in "ая":
            return Word(nominative[:-1] + ("у" if nominative[-1] == "а" else "ю"), "NOUN")
        if case == "acc":
            case = "gen" if kind in {"ma", "na"} else "nom"
        return Word(fields[NOUN_FIELDS[case]], "NOUN")
