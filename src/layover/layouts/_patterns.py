"""Regular expressions of strangers, matched in bounded time.

Python's own matcher goes back and tries again, so that a pattern of thirty characters can run for years. Here a pattern
moves the set of all places of a text at once, the bits of a number, and every move is counted. What a config of a
module has no need of (looking around, referring back, flags) is refused.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field

from layover.errors import ModelError
from layover.layouts.safe import shown

LONGEST = 100_000
"""Characters of a pattern; that of a LoRA with another rank in every layer takes 5,000."""
DEEPEST = 50
"""Groups inside each other."""
MOST_STEPS = 3_000_000
"""Steps of all patterns of a file together, some seconds."""
_STEPS_TO_READ = 10
"""What a character of a pattern counts, and what a pattern and each run of it count beside their parts."""

_ASCII = frozenset(map(chr, range(128)))
_CLASSES = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
    "s": frozenset(string.whitespace),
}
_COUNT = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}", re.ASCII)


@dataclass(frozen=True)
class _Letter:
    """One character of a set."""

    known: frozenset[str]


@dataclass(frozen=True)
class _Edge:
    """The beginning of the text, or its end."""

    end: bool


@dataclass(frozen=True)
class _Sequence:
    items: tuple[_Node, ...]


@dataclass(frozen=True)
class _Either:
    items: tuple[_Node, ...]


@dataclass(frozen=True)
class _Repeat:
    item: _Node
    least: int
    most: int | None
    """None for any number."""


_Node = _Letter | _Edge | _Sequence | _Either | _Repeat


class _UnknownError(ValueError):
    """A pattern, or a part of one, that is not run here."""


@dataclass
class Patterns:
    """The patterns of a config; together they take so many steps and no more.

    Texts are plain ASCII in one line, as names of weights are.

    Args:
        where: The file, for messages.
    """

    where: str
    _left: int = MOST_STEPS
    _parsed: dict[str, _Node] = field(default_factory=dict)
    _places: dict[str, dict[frozenset[str], int]] = field(default_factory=dict)
    """Text -> letters -> the places where one of them stands, as bits."""

    def whole(self, pattern: str, text: str) -> bool:
        """Return what `re.fullmatch` would.

        Raises:
            ModelError: it is no pattern, one that is not run here, or all of them together take too long.
        """
        return bool(self._ends(pattern, text) >> len(text))

    def begins(self, pattern: str, text: str) -> bool:
        """Return what `re.match` would; see `whole`."""
        return self._ends(pattern, text) != 0

    def _ends(self, pattern: str, text: str) -> int:
        """Return the places, as bits, where matches that begin with the text end."""
        if pattern not in self._parsed:
            self.step(pattern, _STEPS_TO_READ * (len(pattern) + 1))
            try:
                self._parsed[pattern] = _Parser(pattern).parse()
            except _UnknownError as error:
                raise ModelError(
                    f"{self.where}: the pattern {shown(pattern)}: {error}; write a list of names instead"
                ) from None
        self.step(pattern, _STEPS_TO_READ)
        return _Run(self, pattern, text, self._places.setdefault(text, {})).after(self._parsed[pattern], 1)

    def step(self, pattern: str, count: int = 1) -> None:
        """Count steps.

        Raises:
            ModelError: there were too many.
        """
        self._left -= count
        if self._left < 0 or len(pattern) > LONGEST:
            raise ModelError(f"{self.where}: its patterns take too long, among them {shown(pattern)}")


class _Run:
    """One pattern on one text."""

    def __init__(self, patterns: Patterns, pattern: str, text: str, places: dict[frozenset[str], int]) -> None:
        self._patterns, self._pattern, self._text, self._places = patterns, pattern, text, places

    def after(self, node: _Node, at: int) -> int:
        """Return where a part may end that begins at one of some places; all of them as bits."""
        self._patterns.step(self._pattern)
        if isinstance(node, _Letter):
            return (at & self._where(node.known)) << 1
        if isinstance(node, _Edge):
            return at & (1 << len(self._text) if node.end else 1)
        if isinstance(node, _Sequence):
            for item in node.items:
                if not at:
                    break
                at = self.after(item, at)
            return at
        if isinstance(node, _Either):
            found = 0
            for item in node.items:
                found |= self.after(item, at)
            return found
        return self._repeated(node, at)

    def _repeated(self, node: _Repeat, at: int) -> int:
        for _ in range(node.least):
            if not at:
                return 0
            at = self.after(node.item, at)
        if isinstance(node.item, _Letter) and node.most is None:
            # adding carries from each place through the letters that are known, as far as they stand side by side
            known = self._where(node.item.known)
            return (((at & known) + known) ^ known) | at
        found, count = at, node.least
        while at and (node.most is None or count < node.most):
            # a place that was reached with fewer repetitions needs no second visit
            at = self.after(node.item, at) & ~found
            found, count = found | at, count + 1
        return found

    def _where(self, known: frozenset[str]) -> int:
        if known not in self._places:
            self._patterns.step(self._pattern, len(self._text))
            self._places[known] = sum(1 << place for place, letter in enumerate(self._text) if letter in known)
        return self._places[known]


class _Parser:
    """Reads a pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at, self._depth = pattern, 0, 0

    def parse(self) -> _Node:
        """Return the whole pattern.

        Raises:
            _UnknownError: says what is wrong with it.
        """
        found = self._either()
        if self._at < len(self._pattern):
            raise _UnknownError("a group is closed that was not opened")
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
            raise _UnknownError("it ends too early")
        self._at += 1
        return found

    def _either(self) -> _Node:
        found = [self._sequence()]
        while self._take("|"):
            found.append(self._sequence())
        return found[0] if len(found) == 1 else _Either(tuple(found))

    def _sequence(self) -> _Node:
        found: list[_Node] = []
        while self._next() not in {"", "|", ")"}:
            found.append(self._counted(self._atom()))
        return _Sequence(tuple(found))

    def _atom(self) -> _Node:
        letter = self._any()
        if letter == "(":
            return self._group()
        if letter == "[":
            return _Letter(self._set())
        if letter in "^$":
            return _Edge(end=letter == "$")
        if letter == ".":
            return _Letter(_ASCII - {"\n"})
        if letter in "*+?{":
            raise _UnknownError(f"nothing stands before {letter}")
        return _Letter(self._escaped() if letter == "\\" else frozenset(letter))

    def _group(self) -> _Node:
        if self._next() == "?" and not self._take("?:"):
            raise _UnknownError("groups that begin with (? are not run")
        self._depth += 1
        if self._depth > DEEPEST:
            raise _UnknownError("too many groups inside each other")
        found = self._either()
        if not self._take(")"):
            raise _UnknownError("a group is not closed")
        self._depth -= 1
        return found

    def _escaped(self) -> frozenset[str]:
        letter = self._any()
        if letter.lower() in _CLASSES:
            known = _CLASSES[letter.lower()]
            return known if letter.islower() else _ASCII - known
        if letter.isalnum():
            raise _UnknownError(f"\\{letter} is not run")
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
                    raise _UnknownError("a range of characters has no order")
                low = frozenset(letter for letter in _ASCII if min(low) <= letter <= min(high))
            known |= low
        self._take("]")
        return _ASCII - known if negated else frozenset(known)

    def _one_of_set(self) -> frozenset[str]:
        letter = self._any()
        return self._escaped() if letter == "\\" else frozenset(letter)

    def _counted(self, item: _Node) -> _Node:
        counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        letter = self._next()
        if letter not in {*counts, "{"}:
            return item
        if isinstance(item, _Edge):
            raise _UnknownError(f"nothing stands before {letter}")
        found = _COUNT.match(self._pattern, self._at)
        if found is None and letter == "{":
            raise _UnknownError("{ begins no number of repetitions; write \\{ for the character")
        self._at = self._at + 1 if found is None else found.end()
        if found is None:
            least, most = counts[letter]
        else:
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else None
        if most is not None and most < least:
            raise _UnknownError("fewer repetitions at most than at least")
        self._take("?")  # as few as possible: the same texts
        if self._next() in {*counts, "{"}:
            raise _UnknownError("one repetition right behind another")
        return _Repeat(item, least, most)
