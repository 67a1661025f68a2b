"""What every language of the sandbox is: a lexicon, a grammar, and how words are written after one another."""

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
    """A word as it is written, and its part of speech in Universal Dependencies."""

    text: str
    pos: str
    joined: bool = False
    """Written without a space before it, in any language: a full stop, a comma."""
    opens: bool = False
    """Written without a space after it: an opening question mark."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that belong together, and what they are in the clause.

    `role` is a role of the meaning (`subject`, `object`, `third`, `place`, `time`, `property`) or `verb`, `not`
    (negation), `link` (a conjunction), `ask` (the question word), `mark` (punctuation).
    """

    role: str
    words: tuple[Word, ...]
    core: tuple[int, int] = (0, 0)
    """The words [from, to) that answer a question for this role, without a preposition; all when empty."""
    entity: str | None = None
    """PER, ORG or LOC: the core is a name of one."""

    @property
    def answer(self) -> tuple[int, int]:
        """The core, or all words."""
        return self.core if self.core != (0, 0) else (0, len(self.words))


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a sentence: where it stands, what it is, and which phrase it belongs to."""

    text: str
    pos: str
    start: int
    """Its first character in the sentence."""
    phrase: int


@dataclass(frozen=True)
class Sentence:
    """A written sentence."""

    text: str
    tokens: tuple[Token, ...]
    phrases: tuple[Phrase, ...]

    def span(self, role: Role) -> tuple[int, int] | None:
        """Return the characters [from, to) that answer a question for a role, None when nothing does."""
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
    """A language: renders clauses, questions and facts; stateless but for its lexicon.

    A grammar is one file in `languages`, its lexicon the file of the same name in `lexicons`. Rendering returns
    phrases in their order; `write` puts them together. Only what a grammar can get right is ever asked of it: see
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
    """Word -> part of speech, for words that stand inside entries of the lexicon."""

    @abstractmethod
    def clause(self, clause: Clause, *, time_first: bool = False, pronoun: bool = False) -> list[Phrase]:
        """Return the statement, without a full stop.

        Args:
            clause: What is said.
            time_first: Tell it with the time at the beginning; only asked for when there is a time.
            pronoun: The subject, a `Name`, was just named: a pronoun stands for it, or nothing in a language that
                drops it.
        """

    @abstractmethod
    def question(self, clause: Clause, role: Role) -> list[Phrase]:
        """Return the question for a role that the clause has, everything else of the clause given.

        Asked for: the subject (of a verb, `state` or `isa`; a person), the object (a thing or a person), the third
        (a person or organisation to or from whom; a place or city), the place, the time, the count of the object.
        Never of a negated clause, of `compare` or of weather.
        """

    @abstractmethod
    def because(self, effect: Clause, cause: Clause) -> list[Phrase]:
        """Return `effect because cause`, or the language's own order; neither has a time.

        The subject of the cause is a pronoun where it is the same `Name` as the effect's.
        """

    @abstractmethod
    def fact(self, fact: Fact) -> list[Phrase]:
        """Return the general statement."""

    @abstractmethod
    def fact_question(self, fact: Fact) -> list[Phrase]:
        """Return the question that a general fact answers.

        `found` asks for the place (where does one find a doctor?), `used` for the noun (what does one use to cut
        bread?), `made` for the material, `kind` for the noun (which of these is a fruit?).
        """

    @abstractmethod
    def citation(self, concept: str) -> str:
        """Return how a noun, place or material is written on its own, as a possible answer."""

    # what the languages share

    @cached_property
    def lexicon(self) -> Mapping[str, Mapping[str, Fields]]:
        """Section -> concept -> fields; what the fields are is up to the grammar."""
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
        """Return the words of a lexicon entry; function words as `function_words` says, all others as `pos`."""
        return tuple(Word(word, self.function_words.get(word, pos)) for word in text.split())

    def tagged(self, text: str) -> tuple[Word, ...]:
        """Return the words of a lexicon entry that says each word's part of speech: `it/PRON rained/VERB`."""
        pairs = (word.rpartition("/") for word in text.split())
        return tuple(Word(word, pos) for word, _, pos in pairs)

    def is_person(self, entity: Entity | None) -> bool:
        """Return whether one asks for the entity with "who"."""
        return isinstance(entity, Name) or (isinstance(entity, Thing) and entity.noun in PROFESSIONS)

    def is_same_person(self, first: Entity | None, other: Entity | None) -> bool:
        """Return whether both are the same person by name, so that a pronoun can stand for the second."""
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
        """Return the phrases as they are written, with the place of every word."""
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
        DataError: with file:line, for a line of another form or a concept that stands twice.
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
            raise DataError(f"{name}:{number}: {f'{concept!r} stands twice' if colon else 'no colon'}")
        current[concept] = tuple(field.strip() for field in fields.split("|"))
    return sections


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()  # noqa: PLW2901
        if line:
            yield number, line
