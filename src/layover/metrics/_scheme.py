"""Schemes of tags: which letters, separators and outside tags say where spans begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from layover.errors import DataError

SchemeName = Literal["iob1", "iob2", "ioe1", "ioe2", "bioes", "iobes", "bmes", "bmewo", "bilou", "io", "bare", "xtreme"]
NAMES: tuple[str, ...] = get_args(SchemeName)
ROLES: Mapping[str, str] = {
    **dict.fromkeys(("B", "BEGIN", "BEG"), "B"),
    **dict.fromkeys(("I", "INSIDE", "IN", "M", "MID", "MIDDLE"), "I"),
    **dict.fromkeys(("E", "END", "L", "LAST"), "E"),
    **dict.fromkeys(("S", "SINGLE", "U", "UNIT", "W", "WHOLE"), "S"),
}
"""The letters and words of all schemes -> seqeval's: begins, goes on, ends, is a span of one word."""
LETTERS: Mapping[str, str] = {
    **dict.fromkeys(("iob1", "iob2"), "BI"),
    **dict.fromkeys(("ioe1", "ioe2"), "IE"),
    **dict.fromkeys(("bioes", "iobes"), "BIES"),
    "bmes": "BMES",
    "bmewo": "BMEW",
    "bilou": "BILU",
}
"""A scheme with letters -> those that it has."""
TITLES: Mapping[str, str] = {
    **{name: name.upper() for name in LETTERS},
    "io": "IO: neighbours of one class are one span",
    "bare": "bare classes without an outside tag: neighbours of one class are one span",
    "xtreme": "bare tags as XTREME scores parts of speech",
}
_MARK = "="
"""Stands before a type, so that none is empty, or what seqeval gives to tags without one."""


@dataclass(frozen=True)
class Scheme:
    """How the tags of one task are read."""

    name: str
    outside: tuple[str, ...] = ()
    """The tags of words that are in no span."""
    separator: str = ""
    """Between the letter and the type; empty where tags are a letter alone, or a class alone."""
    suffix: bool = False
    """Whether the letter stands behind the type, `PER-B`."""
    sample: str = field(default="", compare=False)
    """One of the tags with a letter and a type, for people; empty for classes, and for letters alone."""

    def letter_and_type(self, tag: str) -> tuple[str, str] | None:
        """Return the letter, as upper case, and the type of a tag; None where it has no such form."""
        return split(tag, self.separator, suffix=self.suffix)

    def canonical(self, tag: str) -> str:
        """Return the tag as seqeval reads it: `O`, or one of B, I, E, S, a hyphen, and the type.

        Raises:
            DataError: the scheme has no such tag.
        """
        if tag in self.outside:
            return "O"
        if self.name == "xtreme":
            return f"{tag[:1]}-{_MARK}{tag}"
        if self.name not in LETTERS:
            return f"I-{_MARK}{tag}"
        parts = self.letter_and_type(tag)
        if parts is None or not fits(parts[0], self.name):
            outside = f"outside {' or '.join(map(repr, self.outside))}" if self.outside else "without an outside tag"
            raise DataError(
                f"the tag {tag!r} has no place in {self.name.upper()} ({outside}); mend it, or say `outside` or "
                "`scheme` of the task"
            )
        return f"{ROLES[parts[0]]}-{_MARK}{parts[1]}"

    def alike(self, other: Scheme | None, labels: Iterable[str]) -> bool:
        """Return whether another scheme finds the same spans in all tags of a label set."""
        if other is None:
            return False
        try:
            return all(self.canonical(tag) == other.canonical(tag) for tag in labels)
        except DataError:
            return False

    def describe(self) -> str:
        """Return one line for people: `IOB2, written as B_PER; outside O`."""
        return described(self.name, self.sample, self.outside)


def described(name: str, sample: str, outside: Sequence[str]) -> str:
    """Return one line about a scheme; see `Scheme` for the arguments."""
    written = f", written as {sample}" if sample else ", letters alone" if name in LETTERS else ""
    without = f"; outside {', '.join(tag or repr(tag) for tag in outside)}" if outside else ""
    return f"{TITLES[name]}{written}{without}"


def split(tag: str, separator: str, *, suffix: bool) -> tuple[str, str] | None:
    """Return the letter, or word, as upper case, and the type of a tag; None where it does not consist of the two."""
    if not separator:  # a letter, or a word for it, alone
        return (tag.upper(), "") if tag.upper() in ROLES else None
    if suffix:
        kind, between, letter = tag.rpartition(separator)
    else:
        letter, between, kind = tag.partition(separator)
    if not between or not kind or letter.upper() not in ROLES:
        return None
    return letter.upper(), kind


def fits(letter: str, name: str) -> bool:
    """Return whether a scheme has a letter, or the word for it."""
    return letter[0] in LETTERS[name]
