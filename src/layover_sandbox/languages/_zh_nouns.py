"""Chinese noun phrases: names, places, and things with a demonstrative or a number, a classifier and an adjective."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from layover_sandbox.language import Language, Word
from layover_sandbox.meaning import City, Entity, Name, Org, Place, Thing
from layover_sandbox.world import CATEGORY_OF, MASS, PROFESSIONS

# the usual part of speech of function words; a lexicon entry may override it
SMALL = {
    **dict.fromkeys(("把", "给", "从", "向", "为", "在"), "ADP"),
    **dict.fromkeys(("了", "着", "是"), "AUX"),
    **dict.fromkeys(("不", "没有"), "ADV"),
    "那里": "PRON",
}
THAT, ONE = Word("那", "DET"), Word("一", "NUM")


@cache
def parsed(text: str, pos: str) -> tuple[Word, ...]:
    """Return the words of a lexicon entry, `word` or `word/POS`."""
    pairs = (part.partition("/") for part in text.split())
    return tuple(Word(word, tag or SMALL.get(word, pos)) for word, _, tag in pairs)


def is_animal(noun: str) -> bool:
    """Return whether a noun is an animal: animals have their own words for `old` and `run`."""
    return CATEGORY_OF.get(noun) in {"pet", "wild", "bird"}


class ChineseNouns(Language):
    """The noun phrases of Chinese."""

    code: ClassVar[str] = "zh"
    function_words: ClassVar[Mapping[str, str]] = SMALL

    def named(self, role: str, entity: Entity | None) -> tuple[tuple[Word, ...], str | None]:
        """Return the words of an entity, and PER, ORG or LOC if it has a name."""
        if isinstance(entity, Name):
            given = parsed(self.entry("given", entity.given)[0], "PROPN")
            if entity.family is None:
                return given, "PER"
            family = parsed(self.entry("families", entity.family)[0], "PROPN")
            return (*given, Word("·", "PUNCT", joined=True), *family), "PER"
        if isinstance(entity, Org):
            name = parsed(self.entry("orgs", entity.name)[0], "PROPN")
            return (*name, *parsed(self.entry("sorts", entity.sort)[0], "NOUN")), "ORG"
        if isinstance(entity, City):
            return parsed(self.entry("cities", entity.name)[0], "PROPN"), "LOC"
        if isinstance(entity, Place):
            return parsed(self.entry("places", entity.noun)[0], "NOUN"), None
        if isinstance(entity, Thing):
            return self._thing(entity), None
        raise TypeError(f"{role} is missing in a clause")

    def _thing(self, thing: Thing) -> tuple[Word, ...]:
        """Return three cars, one car, or that car; people by profession and mass nouns need no demonstrative."""
        if thing.count > 1:
            return (*parsed(self.entry("numbers", str(thing.count))[0], "NUM"), *self.counted(thing))
        if thing.noun in MASS or (thing.definite and thing.noun in PROFESSIONS):
            return self._described(thing)
        return (THAT if thing.definite else ONE, *self.counted(thing))

    def counted(self, thing: Thing) -> tuple[Word, ...]:
        """Return the words after the number: the classifier, the adjective and the noun."""
        return (self.classifier(thing.noun), *self._described(thing))

    def _described(self, thing: Thing) -> tuple[Word, ...]:
        if thing.adjective is None:
            return self.noun(thing.noun)
        return (*parsed(self.adjective(thing.adjective, thing.noun)[0], "ADJ"), *self.noun(thing.noun))

    def adjective(self, adjective: str, noun: str) -> tuple[str, ...]:
        """Return the fields of an adjective for this noun."""
        special = self.lexicon["adjectives_of"]
        fields = special.get(f"{adjective} {noun}")
        if fields is None and is_animal(noun):
            fields = special.get(f"{adjective} animal")
        return fields or self.entry("adjectives", adjective)

    def noun(self, concept: str) -> tuple[Word, ...]:
        """Return the bare noun."""
        return parsed(self.entry("nouns", concept)[0], "NOUN")

    def classifier(self, concept: str) -> Word:
        """Return the classifier of the noun."""
        return Word(self.entry("nouns", concept)[1], "NOUN")
