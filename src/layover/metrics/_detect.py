"""Detection of the scheme of a set of tags. A set that fits several schemes is an error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from layover.errors import DataError, nearest
from layover.metrics._scheme import LETTERS, NAMES, ROLES, Scheme, fits, split

UPOS = frozenset(
    {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"}
    | {"PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"}
)
"""The universal parts of speech, for which XTREME published scores."""
OUTSIDE = frozenset({"O", "o", "OUT", "Out", "out", "OUTSIDE", "Outside", "outside"})
"""Tags that are always outside spans."""
PERHAPS = frozenset({"", "_", "-", "0", "NONE", "None", "none", "NULL", "Null", "null", "N/A", "NA"})
"""Tags that are outside spans if other tags have letters. Among bare classes they may be a class."""
SEPARATORS = "-_:"
_PREFERRED = ("iob2", "ioe2", "bioes", "bilou", "bmes", "bmewo")
"""`detect` returns the first of these schemes that has all letters of a label set."""
_WHOLE = (frozenset("BI"), frozenset("BMES"), frozenset("BMEW"))
"""Letters that identify a scheme if tags are single letters."""
_SHOWN = 6


@dataclass(frozen=True)
class _Reading:
    """One way to split all tags into letter and type."""

    separator: str
    suffix: bool
    outside: tuple[str, ...]
    name: str
    """The scheme with these letters."""
    letters: frozenset[str]
    """B, I, ..."""
    types: dict[str, set[str]]
    """Type -> its letters."""
    upper: bool
    sample: str
    """The first tag with a letter."""

    def paired(self) -> bool:
        """Return whether a type has two letters, which is unlikely for a set of plain classes."""
        return any(len(letters) > 1 for letters in self.types.values())

    def scheme(self, name: str) -> Scheme:
        return Scheme(name, self.outside, self.separator, self.suffix, self.sample if self.separator else "")


def detect(labels: Iterable[str], *, scheme: str | None = None, outside: Sequence[str] | None = None) -> Scheme:
    """Return the scheme of a label set.

    Tags with letters are read by their letters, their separator and the side of the letter (`B-PER`, `i_per`, `PER:S`).
    Bare classes with an outside tag are IO; without an outside tag they are `bare`. Universal parts of speech are
    scored as in XTREME.

    Args:
        labels: All tags of the task.
        scheme: A name of `NAMES` that the task declares; None to detect it.
        outside: The outside tags that the task declares; None to detect them.

    Raises:
        DataError: the tags fit several schemes, or do not fit the declared one; names the setting that decides.
    """
    tags = sorted(set(labels))
    for tag in outside or ():
        if tag not in tags:
            raise DataError(f"`outside` contains {tag!r}, which is not a label; {nearest(tag, tags)}")
    if scheme is not None and scheme not in NAMES:
        raise DataError(f"{scheme!r} is not a scheme of tags; {nearest(scheme, NAMES)}")
    if scheme in LETTERS:
        return _declared(tags, str(scheme), outside)
    if scheme is not None:
        return _declared_bare(tags, scheme, outside)
    reading = _best(_readings(tags, outside), tags)
    if reading is not None:
        return reading.scheme(reading.name)
    _refuse_mixed(tags, outside)
    return _bare(tags, outside)


def detect_or_none(labels: Iterable[str]) -> Scheme | None:
    """Return the scheme of a label set; None if the labels fit several schemes."""
    try:
        return detect(labels)
    except DataError:
        return None


def _declared(tags: Sequence[str], scheme: str, outside: Sequence[str] | None) -> Scheme:
    """Return a declared scheme with letters, with the detected separator and outside tags."""
    name = "bioes" if scheme == "iobes" else scheme
    readings = [
        reading for reading in _readings(tags, outside) if all(fits(letter, name) for letter in reading.letters)
    ]
    readings.sort(key=lambda reading: (not reading.paired(), reading.suffix))
    if readings:
        return readings[0].scheme(name)
    odd = [tag for tag in tags if tag not in (outside or OUTSIDE) and not _any_letter(tag, name)]
    reason = (
        f"{odd[0]!r} has none of its letters {', '.join(LETTERS[name])}"
        if odd
        else "they do not all have the same form"
    )
    raise DataError(
        f"the tags {_some(tags)} are not {name.upper()}: {reason}; write every outside tag in `outside`, "
        "or use another `scheme`"
    )


def _declared_bare(tags: Sequence[str], scheme: str, outside: Sequence[str] | None) -> Scheme:
    if scheme == "io":
        return Scheme("io", tuple(outside) if outside is not None else (_only_outside(tags, sure_of_one=True),))
    if outside:
        raise DataError(
            f"`scheme: {scheme}` has no outside tag, but `outside` contains {outside[0]!r}; write `scheme: io`"
        )
    return Scheme(scheme)


def _readings(tags: Sequence[str], outside: Sequence[str] | None) -> list[_Reading]:
    """Return all ways to split the tags, except the outside tags, into a letter and a type."""
    ways = [(separator, suffix) for separator in SEPARATORS for suffix in (False, True)] + [("", False)]
    readings = (_reading(tags, separator, suffix, outside) for separator, suffix in ways)
    return [reading for reading in readings if reading is not None]


def _reading(tags: Sequence[str], separator: str, suffix: bool, outside: Sequence[str] | None) -> _Reading | None:
    parts = {tag: split(tag, separator, suffix=suffix) for tag in tags}
    rest = tuple(tag for tag, part in parts.items() if part is None)
    if outside is not None:
        parts = {tag: part for tag, part in parts.items() if tag not in outside}
        if set(rest) - set(outside):
            return None
        rest = tuple(outside)
    elif len(rest) > 1 or set(rest) - OUTSIDE - PERHAPS:
        return None
    taken = {tag: part for tag, part in parts.items() if part is not None}
    types: dict[str, set[str]] = {}
    for letter, kind in taken.values():
        types.setdefault(kind, set()).add(letter[0])
    letters = frozenset[str]().union(*types.values())
    name = _name_of(letters)
    if name is None:
        return None
    upper = all(_letter_of(tag, separator, suffix).isupper() for tag in taken)
    return _Reading(separator, suffix, rest, name, letters, types, upper, min(taken))


def _name_of(letters: frozenset[str]) -> str | None:
    """Return the scheme with all these letters; None if there is no such scheme, or no letter."""
    if letters == {"I"}:
        return "iob1"
    return next((name for name in _PREFERRED if letters and letters <= set(LETTERS[name])), None)


def _letter_of(tag: str, separator: str, suffix: bool) -> str:
    if not separator:
        return tag
    return tag.rpartition(separator)[2] if suffix else tag.partition(separator)[0]


def _best(readings: Sequence[_Reading], tags: Sequence[str]) -> _Reading | None:
    """Return the plausible reading of a set of tags; None if its tags are plain classes.

    Raises:
        DataError: several readings are plausible, or the tags may also be plain classes.
    """
    plausible = [reading for reading in readings if _plausible(reading)]
    if len(plausible) > 1:  # B-I and I-I: a type with two letters is better evidence
        plausible = [reading for reading in plausible if reading.paired()] or plausible
    if len(plausible) > 1:
        raise _ambiguous(tags, "the letter may be before or after the type", "write `scheme: io` if they are classes")
    if plausible:
        return plausible[0]
    for reading in readings:
        if reading.separator or reading.letters & set("BI"):
            raise _ambiguous(
                tags,
                "each begins or ends like a tag of a scheme, but may be a class",
                f"write `scheme: {reading.name}`, or {_classes(reading.outside)}",
            )
    return None


def _plausible(reading: _Reading) -> bool:
    """Return whether a reading is certainly a scheme with letters."""
    if not reading.separator:  # other letters may be classes; for I alone both readings are the same
        return reading.letters == {"I"} or any(reading.letters >= letters for letters in _WHOLE)
    if not reading.letters & set("BI"):  # S-Bahn, U-Bahn
        return False
    common = reading.upper and not reading.suffix and (reading.separator == "-" or reading.letters <= set("BI"))
    return common or reading.paired() or len(reading.letters) == 1 or len(reading.types) == 1


def _any_letter(tag: str, name: str) -> bool:
    ways = [split(tag, separator, suffix=suffix) for separator in SEPARATORS for suffix in (False, True)]
    return any(part is not None and fits(part[0], name) for part in [*ways, split(tag, "", suffix=False)])


def _refuse_mixed(tags: Sequence[str], outside: Sequence[str] | None) -> None:
    """Raise an error if only some tags of a set have letters.

    Raises:
        DataError: a type has B and another letter, or the set has an outside tag and tags with B or I.
    """
    known = set(outside) if outside is not None else OUTSIDE & set(tags)
    for separator, suffix in [(separator, suffix) for separator in SEPARATORS for suffix in (False, True)]:
        parts = {tag: part for tag in tags if (part := split(tag, separator, suffix=suffix)) is not None}
        types: dict[str, set[str]] = {}
        for letter, kind in parts.values():
            types.setdefault(kind, set()).add(letter[0])
        paired = any("B" in letters and len(letters) > 1 for letters in types.values())
        begins = not suffix and any(_letter_of(tag, separator, suffix).upper() in {"B", "I"} for tag in parts)
        if paired or (known and begins):
            bare = [tag for tag in tags if tag not in parts and tag not in known]
            mixed = f"{min(parts)!r} has a letter and a type, but {min(bare, default='')!r} has not"
            classes = f"`scheme: {'io' if known else 'bare'}` if all are classes"
            raise _ambiguous(
                tags,
                mixed if bare else "they have letters of several schemes",
                f"correct them, write every tag outside spans in `outside`, or write {classes}",
            )
    for suffix in (False, True):
        _refuse_joined(tags, {_joined(tag, suffix): tag for tag in set(tags) - known}, classes=_classes(known))


def _refuse_joined(tags: Sequence[str], spans: Mapping[tuple[str, str], str], *, classes: str) -> None:
    """Raise an error if all tags may be letters and types without a separator.

    Args:
        tags: All tags.
        spans: (letter, type) -> tag, for the tags that are not outside.
        classes: Advice for the case that the tags are classes.

    Raises:
        DataError: every tag begins with a letter of a scheme, and some type has B and I.
    """
    both = sorted(kind for letter, kind in spans if letter == "B" and ("I", kind) in spans)
    if both and all(letter in ROLES for letter, _ in spans):
        begins, inside = spans["B", both[0]], spans["I", both[0]]
        raise _ambiguous(
            tags,
            f"{begins!r} and {inside!r} may be a letter and a type without a separator, or classes",
            f"write them as B-TYPE and I-TYPE, or write {classes}",
        )


def _joined(tag: str, suffix: bool) -> tuple[str, str]:
    """Return the first letter (the last letter if `suffix`) in upper case, and the rest of the tag."""
    return (tag[-1:].upper(), tag[:-1]) if suffix else (tag[:1].upper(), tag[1:])


def _classes(known: Collection[str]) -> str:
    return f"`scheme: {'io' if known else 'bare'}` if they are classes"


def _bare(tags: Sequence[str], outside: Sequence[str] | None) -> Scheme:
    """Return the scheme of classes without letters."""
    if outside is not None:
        return Scheme("io", tuple(outside)) if outside else Scheme("bare")
    if set(tags) <= UPOS | {"O", "_"} and set(tags) & UPOS:
        return Scheme("xtreme", ("O",) if "O" in tags else ())
    if not set(tags) & (OUTSIDE | PERHAPS):
        return Scheme("bare")
    return Scheme("io", (_only_outside(tags),))


def _only_outside(tags: Sequence[str], *, sure_of_one: bool = False) -> str:
    """Return the outside tag of bare classes.

    Args:
        tags: All tags.
        sure_of_one: Whether the task declares that there is an outside tag.

    Raises:
        DataError: there is no outside tag, or several tags may be outside.
    """
    sure, perhaps = sorted(OUTSIDE & set(tags)), sorted(PERHAPS & set(tags))
    if "0" in perhaps and not all(tag.isdecimal() for tag in tags):  # a zero in place of O, if classes are words
        sure, perhaps = [*sure, "0"], [tag for tag in perhaps if tag != "0"]
    if len(sure) == 1 and not perhaps:
        return sure[0]
    if sure_of_one and len(perhaps) == 1 and not sure:
        return perhaps[0]
    if not sure and not perhaps:
        raise DataError(f"the tags {_some(tags)} have no outside tag; write it in `outside`, or write `scheme: bare`")
    both = " and ".join(map(repr, [*sure, *perhaps]))
    which = "may be outside every span, or a class" if len([*sure, *perhaps]) == 1 else "may all be outside every span"
    raise _ambiguous(tags, f"{both} {which}", "write every tag outside spans in `outside`, or write `scheme: bare`")


def _ambiguous(tags: Sequence[str], reason: str, setting: str) -> DataError:
    return DataError(f"the tags {_some(tags)} can be read in more than one way: {reason}; {setting}")


def _some(tags: Sequence[str]) -> str:
    shown = ", ".join(map(repr, tags[:_SHOWN]))
    return shown + (f" and {len(tags) - _SHOWN} more" if len(tags) > _SHOWN else "")
