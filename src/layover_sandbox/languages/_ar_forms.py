"""Forms of Arabic words: the article, tanwin, the feminine of the past, joined prepositions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layover_sandbox.language import Fields, Phrase, Word

ARTICLE = "ال"
JOINED = ("ب", "ل")
"""Prepositions that are joined to the next word in writing."""


@dataclass(frozen=True, slots=True)
class Noun:
    """The forms of a noun that sentences need."""

    gender: str
    indefinite: str
    accusative: str
    """Indefinite accusative."""
    after_how_many: str
    """Form after "how many"."""
    definite: str
    plural: str
    """Form after a number."""
    generic: str
    """Form for the species or kind."""
    many: str
    """Generic plural, genitive."""


def read_noun(lexicon: Mapping[str, Mapping[str, Fields]], concept: str, fields: Fields) -> Noun:
    """Return the forms of a noun: from the lexicon if it has them, else by rule."""

    def special(section: str, otherwise: str) -> str:
        return lexicon[section].get(concept, (otherwise,))[0]

    singular, gender, *plurals = fields
    plural = plurals[0] if plurals else singular
    indefinite = _plain(singular)
    with_tanwin = special("accusative", accusative(indefinite))
    return Noun(
        gender=gender,
        indefinite=indefinite,
        accusative=with_tanwin,
        after_how_many=special("asked", with_tanwin),
        definite=definite(singular),
        plural=_plain(plural),
        generic=special("collective", definite(singular)),
        many=special("many", special("collective", definite(plural))),
    )


def governed(preposition: str, phrase: Phrase) -> Phrase:
    """Return the phrase after a preposition, which is a separate word or joined to the first word."""
    if preposition in JOINED:
        first = phrase.words[0]
        return Phrase(phrase.role, (Word(preposition + first.text, first.pos), *phrase.words[1:]), entity=phrase.entity)
    words = (Word(preposition, "ADP"), *phrase.words)
    return Phrase(phrase.role, words, (1, len(words)), phrase.entity)


def feminine(past: str) -> str:
    """Return "she ..." for "he ..." in the past."""
    return (past[:-1] if past[-1] in "ىا" else past) + "ت"


def definite(entry: str) -> str:
    """Return the noun or adjective with the article; stars mark its words, by default the first."""
    if "*" in entry:
        return entry.replace("*", ARTICLE)
    return ARTICLE + (entry[:-1] + "ي" if entry.endswith("ٍ") else entry)


def accusative(indefinite: str) -> str:
    """Return the indefinite accusative: tanwin, on an alif unless the ending forbids it."""
    if " " in indefinite or indefinite[-1] in "ةىا":
        return indefinite
    if indefinite.endswith("ٍ"):
        return indefinite[:-1] + "يًا"
    return indefinite + ("ً" if indefinite.endswith("اء") else "ًا")


def _plain(entry: str) -> str:
    return entry.replace("*", "")
