"""Regular expressions of strangers, matched in bounded time.

Python's own matcher goes back and tries again, so that a pattern of thirty characters can run for years. Here a pattern
moves the set of all places of a text at once, the bits of a number, and every move is counted. What a config of a
module has no need of (looking around, referring back, flags) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from layover.errors import ModelError
from layover.layouts._pattern_syntax import Edge, Either, Letter, Node, Repeat, Sequence, UnknownError, Word, parse
from layover.layouts.safe import shown

LONGEST = 20_000
"""Characters of a pattern; that of a LoRA with another rank in every layer takes 5,000."""
MOST_STEPS = 3_000_000
"""Steps of all patterns of a file together, some seconds."""
_STEPS_TO_READ = 10
"""What a character of a pattern counts, and what a pattern and each run of it count beside their parts."""


@dataclass
class Patterns:
    """The patterns of a config; together they take so many steps and no more.

    Texts are plain ASCII in one line, as names of weights are.

    Args:
        where: The file, for messages.
    """

    where: str
    _left: int = MOST_STEPS
    _parsed: dict[str, Node] = field(default_factory=dict)
    _places: dict[str, dict[Letter, int]] = field(default_factory=dict)
    """Text -> letter -> the places where it stands, as bits."""

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
                self._parsed[pattern] = parse(pattern)
            except UnknownError as error:
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

    def __init__(self, patterns: Patterns, pattern: str, text: str, places: dict[Letter, int]) -> None:
        self._patterns, self._pattern, self._text, self._places = patterns, pattern, text, places

    def after(self, node: Node, at: int) -> int:
        """Return where a part may end that begins at one of some places; all of them as bits."""
        self._patterns.step(self._pattern)
        if isinstance(node, Letter):
            return (at & self._where(node)) << 1
        if isinstance(node, Word):
            return self._behind(node.text, at)
        if isinstance(node, Edge):
            return at & (1 << len(self._text) if node.end else 1)
        if isinstance(node, Sequence):
            for item in node.items:
                if not at:
                    break
                at = self.after(item, at)
            return at
        if isinstance(node, Either):
            found = 0
            for item in node.items:
                found |= self.after(item, at)
            return found
        return self._repeated(node, at)

    def _repeated(self, node: Repeat, at: int) -> int:
        for _ in range(node.least):
            if not at:
                return 0
            at = self.after(node.item, at)
        if isinstance(node.item, Letter) and node.most is None:
            # adding carries from each place through the letters that are known, as far as they stand side by side
            known = self._where(node.item)
            return (((at & known) + known) ^ known) | at
        found, count = at, node.least
        while at and (node.most is None or count < node.most):
            # a place that was reached with fewer repetitions needs no second visit
            at = self.after(node.item, at) & ~found
            found, count = found | at, count + 1
        return found

    def _where(self, letter: Letter) -> int:
        """Return the places where a letter stands, as bits."""
        if letter not in self._places:
            self._patterns.step(self._pattern, len(self._text))
            found = (1 << place for place, one in enumerate(self._text) if one in letter.known)
            self._places[letter] = sum(found)
        return self._places[letter]

    def _behind(self, word: str, at: int) -> int:
        """Return where a word ends that begins at one of some places."""
        found, place = 0, self._text.find(word)
        while place >= 0:
            self._patterns.step(self._pattern)
            found |= 1 << place
            place = self._text.find(word, place + 1)
        return (at & found) << len(word)
