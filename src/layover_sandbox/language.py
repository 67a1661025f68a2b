"""The base class of languages of the sandbox: a lexicon, a grammar, and the writing of sentences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import ClassVar

from layover.errors import DataError
from layover_sandbox.meaning import Clause, Entity, Fact, Name, Role, Thing
from layover_sandbox.world import PROFESSIONS

Fields = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A written word and its part of speech in Universal Dependencies."""

    text: str
    pos: str
    joined: bool = False
    """Whether no language writes a space before it: a full stop, a comma."""
    opens: bool = False
    """Whether it is written without a space after it: an opening question mark."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase: its words and its role in the clause.

    `role` is a role of the meaning (`subject`, `object`, `third`, `place`, `time`, `property`) or `verb`, `not`
    (negation), `link` (a conjunction), `ask` (the question word), `mark` (punctuation).
    """

    role: str
    words: tuple[Word, ...]
    core: tuple[int, int] = (0, 0)
    """The words [from, to) that answer a question for this role, without a preposition; (0, 0) means all words."""
    entity: str | None = None
    """PER, ORG or LOC if the core is a name, else None."""

    @property
    def answer(self) -> tuple[int, int]:
        """The core, or all words."""
        return self.core if self.core != (0, 0) else (0, len(self.words))


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a sentence: its position, its part of speech, and its phrase."""

    text: str
    pos: str
    start: int
    """Position of its first character in the sentence."""
    phrase: int


@dataclass(frozen=True)
class Sentence:
    """A written sentence."""

    text: str
    tokens: tuple[Token, ...]
    phrases: tuple[Phrase, ...]

    def span(self, role: Role) -> tuple[int, int] | None:
        """Return the characters [from, to) that answer a question for a role, or None without an answer."""
        for number, phrase in enumerate(self.phrases):
            if phrase.role == ("object" if role == "count" else role):
                words = [token for token in self.tokens if token.phrase == number]
                first, last = phrase.answer
                chosen = words[first:last]
                if role == "count":
                    chosen = [word for word in chosen if word.pos == "NUM"]
                if not chosen:
                    return None
                return chosen[0].start, chosen[-1].start + len(chosen[-1].text)
        return None


class Language(ABC):
    """A language: renders clauses, questions and facts; its only state is its lexicon.

    A grammar is one file in `languages`; its lexicon is the file of the same name in `lexicons`. Rendering returns
    phrases in order; `write` joins them. The meanings are limited to those that every grammar renders correctly: see
    the docstrings of `Clause` and of the methods.
    """

    code: ClassVar[str]
    """ISO 639-1."""
    name: ClassVar[str]
    script: ClassVar[str]
    spaces: ClassVar[bool] = True
    """Whether words are separated by spaces."""
    stop: ClassVar[str] = "."
    asks: ClassVar[str] = "?"
    comma: ClassVar[str] = ","
    function_words: ClassVar[Mapping[str, str]] = {}
    """Word -> part of speech, for function words inside entries of the lexicon."""

    @abstractmethod
    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        """Return the statement, without a full stop.

        Args:
            clause: Meaning of the statement.
            time_first: Whether the time comes first; only for a clause with a time.
            pronoun: Whether the subject, a `Name`, was just named: it becomes a pronoun, or is dropped in pro-drop
                languages.
        """

    @abstractmethod
    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        """Return the question for a role of the clause; all other roles are given in the question.

        Possible roles: the subject (of a verb, `state` or `isa`; a person), the object (a thing or a person), the third
        (a person or organisation as recipient or source; a place or city), the place, the time, the count of the
        object. There are no questions about a negated clause, `compare` or weather.
        """

    @abstractmethod
    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        """Return `effect because cause`, or the order of the language; the clauses have no time.

        The subject of the cause is a pronoun if it is the same `Name` as the subject of the effect.
        """

    @abstractmethod
    def fact(self, fact: Fact) -> list[Phrase]:
        """Return the general statement."""

    @abstractmethod
    def fact_question(self, fact: Fact) -> list[Phrase]:
        """Return the question that a general fact answers.

        `found` asks for the place (where can you find a doctor?), `used` for the noun (what is used to cut bread?),
        `made` for the material, `kind` for the noun (which of these is a fruit?).
        """

    @abstractmethod
    def citation(self, concept: str) -> str:
        """Return the citation form of a noun, place or material, as a possible answer."""

    # shared by all languages

    @cached_property
    def lexicon(self) -> Mapping[str, Mapping[str, Fields]]:
        """Section -> concept -> fields; the grammar defines the fields."""
        return read_lexicon(self.code)

    def entry(self, section: str, concept: str) -> Fields:
        """Return the fields of a concept.

        Raises:
            DataError: the lexicon lacks it.
        """
        try:
            return self.lexicon[section][concept]
        except KeyError:
            raise DataError(f"lexicons/{self.code}.txt: [{section}] has no {concept!r}") from None

    def words(self, text: str, pos: str) -> tuple[Word, ...]:
        """Return the words of a lexicon entry: function words by `function_words`, all others as `pos`."""
        return tuple(Word(word, self.function_words.get(word, pos)) for word in text.split())

    def tagged(self, text: str) -> tuple[Word, ...]:
        """Return the words of a lexicon entry with a part of speech per word: `it/PRON rained/VERB`."""
        pairs = (word.rpartition("/") for word in text.split())
        return tuple(Word(word, pos) for word, _, pos in pairs)

    def is_person(self, entity: Entity | None) -> bool:
        """Return whether the question word for the entity is "who"."""
        return isinstance(entity, Name) or (isinstance(entity, Thing) and entity.noun in PROFESSIONS)

    def is_same_person(self, first: Entity | None, other: Entity | None) -> bool:
        """Return whether both are the same person by name, so that a pronoun can replace the second."""
        return isinstance(first, Name) and first == other

    def capital(self, text: str) -> str:
        """Return the text with a capital first letter, for the first word of a sentence."""
        return text[:1].upper() + text[1:]

    def statement(self, phrases: Sequence[Phrase]) -> Sentence:
        """Return the phrases as a sentence that ends with a full stop."""
        return self.write([*phrases, _mark(self.stop)])

    def inquiry(self, phrases: Sequence[Phrase]) -> Sentence:
        """Return the phrases as a question."""
        return self.write([*phrases, _mark(self.asks)])

    def write(self, phrases: Sequence[Phrase]) -> Sentence:
        """Return the phrases as a written sentence, with the position of every word."""
        pairs = [(number, word) for number, phrase in enumerate(phrases) for word in phrase.words]
        text, tokens = "", []
        space, begun = False, False
        for number, word in pairs:
            shown = word.text if begun or word.pos == "PUNCT" else self.capital(word.text)
            begun = begun or word.pos != "PUNCT"
            if space and self.spaces and not word.joined:
                text += " "
            tokens.append(Token(shown, word.pos, len(text), number))
            text += shown
            space = not word.opens
        return Sentence(text, tuple(tokens), tuple(phrases))

    def text_of(self, sentences: Sequence[Sentence]) -> str:
        """Return sentences as running text."""
        return (" " if self.spaces else "").join(sentence.text for sentence in sentences)


def comma(language: Language) -> Phrase:
    """Return a comma."""
    return Phrase("mark", (Word(language.comma, "PUNCT", joined=True),))


def _mark(text: str) -> Phrase:
    return Phrase("mark", (Word(text, "PUNCT", joined=True),))


@cache
def read_lexicon(code: str) -> Mapping[str, Mapping[str, Fields]]:
    """Return the lexicon of a language.

    Raises:
        DataError: with file:line, see `parse_lexicon`.
    """
    name = f"lexicons/{code}.txt"
    return parse_lexicon(files("layover_sandbox").joinpath(name).read_text(encoding="utf-8"), name)


def parse_lexicon(text: str, name: str) -> dict[str, dict[str, Fields]]:
    """Return section -> concept -> fields: `[section]` lines, `concept: field | field` lines; `#` begins a comment.

    Raises:
        DataError: with file:line, for a line of another form or a duplicate concept.
    """
    sections: dict[str, dict[str, Fields]] = {}
    current: dict[str, Fields] = {}
    for number, line in _lines(text):
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], {})
            continue
        concept, colon, fields = line.partition(":")
        concept = concept.strip()
        if not colon or concept in current:
            raise DataError(f"{name}:{number}: {f'{concept!r} is defined twice' if colon else 'the colon is missing'}")
        current[concept] = tuple(field.strip() for field in fields.split("|"))
    return sections


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()  # noqa: PLW2901
        if line:
            yield number, line
