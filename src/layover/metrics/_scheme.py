"""Schemes of tags: the letters, separators and outside tags that mark spans."""

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
"""Letter or word of any scheme -> letter of seqeval: B begins, I continues, E ends, S is a span of one word."""
LETTERS: Mapping[str, str] = {
    **dict.fromkeys(("iob1", "iob2"), "BI"),
    **dict.fromkeys(("ioe1", "ioe2"), "IE"),
    **dict.fromkeys(("bioes", "iobes"), "BIES"),
    "bmes": "BMES",
    "bmewo": "BMEW",
    "bilou": "BILU",
}
"""Scheme with letters -> its letters."""
TITLES: Mapping[str, str] = {
    **{name: name.upper() for name in LETTERS},
    "io": "IO: neighbours of one class are one span",
    "bare": "bare classes without an outside tag: neighbours of one class are one span",
    "xtreme": "bare tags as XTREME scores parts of speech",
}
_MARK = "="
"""Prefix of a type, so that no type is empty or equal to a default of seqeval."""


@dataclass(frozen=True)
class Scheme:
    """The scheme of the tags of one task."""

    name: str
    outside: tuple[str, ...] = ()
    """The tags of words outside all spans."""
    separator: str = ""
    """The text between letter and type; empty if tags are single letters or classes."""
    suffix: bool = False
    """Whether the letter follows the type, as in `PER-B`."""
    sample: str = field(default="", compare=False)
    """A tag with a letter and a type, for display; empty if tags are classes or single letters."""

    def letter_and_type(self, tag: str) -> tuple[str, str] | None:
        """Return the letter in upper case and the type of a tag; None if the tag has another form."""
        return split(tag, self.separator, suffix=self.suffix)

    def canonical(self, tag: str) -> str:
        """Return the tag for seqeval: `O`, or one of B, I, E, S, then a hyphen and the type.

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
                f"the tag {tag!r} is not in {self.name.upper()} ({outside}); correct it, or set `outside` or "
                "`scheme` of the task"
            )
        return f"{ROLES[parts[0]]}-{_MARK}{parts[1]}"

    def alike(self, other: Scheme | None, labels: Iterable[str]) -> bool:
        """Return whether another scheme reads all tags of a label set in the same way."""
        if other is None:
            return False
        try:
            return all(self.canonical(tag) == other.canonical(tag) for tag in labels)
        except DataError:
            return False

    def describe(self) -> str:
        """Return one line for display: `IOB2, written as B_PER; outside O`."""
        return described(self.name, self.sample, self.outside)


def described(name: str, sample: str, outside: Sequence[str]) -> str:
    """Return one line for display about a scheme; the arguments are fields of `Scheme`."""
    written = f", written as {sample}" if sample else ", single letters" if name in LETTERS else ""
    without = f"; outside {', '.join(tag or repr(tag) for tag in outside)}" if outside else ""
    return f"{TITLES[name]}{written}{without}"


def split(tag: str, separator: str, *, suffix: bool) -> tuple[str, str] | None:
    """Return the letter or word in upper case, and the type of a tag; None if the tag has another form."""
    if not separator:  # a single letter, or a word for it
        return (tag.upper(), "") if tag.upper() in ROLES else None
    if suffix:
        kind, between, letter = tag.rpartition(separator)
    else:
        letter, between, kind = tag.partition(separator)
    if not between or not kind or letter.upper() not in ROLES:
        return None
    return letter.upper(), kind


def fits(letter: str, name: str) -> bool:
    """Return whether a scheme has a letter; the letter may be written as a word."""
    return letter[0] in LETTERS[name]
