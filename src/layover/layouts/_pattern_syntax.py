"""The syntax of regular expressions, as far as a config of a module has need of it."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

DEEPEST = 50
"""Groups inside each other."""

_ASCII = frozenset(map(chr, range(128)))
_CLASSES = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
    "s": frozenset(string.whitespace),
}
_COUNT = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}", re.ASCII)


@dataclass(frozen=True)
class Letter:
    """One character of a set."""

    known: frozenset[str]


@dataclass(frozen=True)
class Word:
    """Several characters, one behind the other."""

    text: str


@dataclass(frozen=True)
class Edge:
    """The beginning of the text, or its end."""

    end: bool


@dataclass(frozen=True)
class Sequence:
    """Parts, one behind the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """Parts of which any one will do."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """A part, several times."""

    item: Node
    least: int
    most: int | None
    """None for any number."""


Node = Letter | Word | Edge | Sequence | Either | Repeat


class UnknownError(ValueError):
    """A pattern, or a part of one, that is not run here."""


def parse(pattern: str) -> Node:
    """Return what a pattern consists of.

    Raises:
        UnknownError: it is no pattern, or something in it is not known here.
    """
    return _Parser(pattern).whole()


class _Parser:
    """Reads a pattern, from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at, self._depth = pattern, 0, 0

    def whole(self) -> Node:
        found = self._either()
        if self._at < len(self._pattern):
            raise UnknownError("a group is closed that was not opened")
        return found

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        if not self._pattern.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _any(self) -> str:
        found = self._next()
        if not found:
            raise UnknownError("it ends too early")
        self._at += 1
        return found

    def _either(self) -> Node:
        found = [self._sequence()]
        while self._take("|"):
            found.append(self._sequence())
        return found[0] if len(found) == 1 else Either(tuple(found))

    def _sequence(self) -> Node:
        found: list[Node] = []
        while self._next() not in {"", "|", ")"}:
            item, last = self._counted(self._atom()), found[-1] if found else None
            if isinstance(item, Letter) and len(item.known) == 1:
                text = "".join(item.known)
                item = Word(text)
                if isinstance(last, Word):
                    found.pop()
                    item = Word(last.text + text)
            found.append(item)
        return Sequence(tuple(found))

    def _atom(self) -> Node:
        letter = self._any()
        if letter == "(":
            return self._group()
        if letter == "[":
            return Letter(self._set())
        if letter in "^$":
            return Edge(end=letter == "$")
        if letter == ".":
            return Letter(_ASCII - {"\n"})
        if letter in "*+?{":
            raise UnknownError(f"nothing stands before {letter}")
        return Letter(self._escaped() if letter == "\\" else frozenset(letter))

    def _group(self) -> Node:
        if self._next() == "?" and not self._take("?:"):
            raise UnknownError("groups that begin with (? are not run")
        self._depth += 1
        if self._depth > DEEPEST:
            raise UnknownError("too many groups inside each other")
        found = self._either()
        if not self._take(")"):
            raise UnknownError("a group is not closed")
        self._depth -= 1
        return found

    def _escaped(self) -> frozenset[str]:
        letter = self._any()
        if letter.lower() in _CLASSES:
            known = _CLASSES[letter.lower()]
            return known if letter.islower() else _ASCII - known
        if letter.isalnum():
            raise UnknownError(f"\\{letter} is not run")
        return frozenset(letter)

    def _set(self) -> frozenset[str]:
        negated, known = self._take("^"), set[str]()
        first = True
        while first or self._next() != "]":
            first = False
            low = self._one_of_set()
            if self._next() == "-" and not self._pattern.startswith("-]", self._at):
                self._take("-")
                high = self._one_of_set()
                if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                    raise UnknownError("a range of characters has no order")
                low = frozenset(letter for letter in _ASCII if min(low) <= letter <= min(high))
            known |= low
        self._take("]")
        return _ASCII - known if negated else frozenset(known)

    def _one_of_set(self) -> frozenset[str]:
        letter = self._any()
        return self._escaped() if letter == "\\" else frozenset(letter)

    def _counted(self, item: Node) -> Node:
        counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        letter = self._next()
        if letter not in {*counts, "{"}:
            return item
        if isinstance(item, Edge):
            raise UnknownError(f"nothing stands before {letter}")
        found = _COUNT.match(self._pattern, self._at)
        if found is None and letter == "{":
            raise UnknownError("{ begins no number of repetitions; write \\{ for the character")
        self._at = self._at + 1 if found is None else found.end()
        if found is None:
            least, most = counts[letter]
        else:
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else None
        if most is not None and most < least:
            raise UnknownError("fewer repetitions at most than at least")
        self._take("?")  # as few as possible: the same texts
        if self._next() in {*counts, "{"}:
            raise UnknownError("one repetition right behind another")
        return Repeat(item, least, most)
