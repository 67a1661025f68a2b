"""The scheme of a set of tags, found once from the tags alone; sets that can be read in two ways are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from layover.errors import DataError, nearest
from layover.metrics._scheme import LETTERS, NAMES, ROLES, Scheme, fits, split

UPOS = frozenset(
    {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"}
    | {"PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"}
)
"""The universal parts of speech, of which XTREME published scores."""
OUTSIDE = frozenset({"O", "o", "OUT", "Out", "out", "OUTSIDE", "Outside", "outside"})
"""Tags that are outside wherever they stand."""
PERHAPS = frozenset({"", "_", "-", "0", "NONE", "None", "none", "NULL", "Null", "null", "N/A", "NA"})
"""Tags that are outside beside tags with letters; among bare classes they may be a class."""
SEPARATORS = "-_:"
_PREFERRED = ("iob2", "ioe2", "bioes", "bilou", "bmes", "bmewo")
"""The first of these that has all letters of a label set is the one that is found."""
_WHOLE = (frozenset("BI"), frozenset("BMES"), frozenset("BMEW"))
"""Letters that show a scheme where they stand alone."""
_SHOWN = 6


@dataclass(frozen=True)
class _Reading:
    """One way to take every tag apart."""

    separator: str
    suffix: bool
    outside: tuple[str, ...]
    name: str
    """The scheme that has these letters."""
    letters: frozenset[str]
    """B, I, ..."""
    types: dict[str, set[str]]
    """Type -> its letters."""
    upper: bool
    sample: str
    """The first tag with a type."""

    def paired(self) -> bool:
        """Return whether some type stands with two letters: what no set of mere classes would do by chance."""
        return any(len(letters) > 1 for letters in self.types.values())

    def scheme(self, name: str) -> Scheme:
        return Scheme(name, self.outside, self.separator, self.suffix, self.sample if self.separator else "")


def detect(labels: Iterable[str], *, scheme: str | None = None, outside: Sequence[str] | None = None) -> Scheme:
    """Return how the tags of a label set are read.

    Tags with letters are read by their letters, separator and side (`B-PER`, `i_per`, `PER:S`). Bare classes beside an
    outside tag are IO; without one they are `bare`; universal parts of speech are scored as XTREME does.

    Args:
        labels: Every tag of the task.
        scheme: A name of `NAMES` that the task declares; found when None.
        outside: The outside tags that the task declares; found when None.

    Raises:
        DataError: the tags can be read in two ways, or not in the declared one; says which setting decides.
    """
    tags = sorted(set(labels))
    for tag in outside or ():
        if tag not in tags:
            raise DataError(f"`outside` names {tag!r}, which is none of the labels; {nearest(tag, tags)}")
    if scheme is not None and scheme not in NAMES:
        raise DataError(f"no scheme of tags is called {scheme!r}; {nearest(scheme, NAMES)}")
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
    """Return what `detect` finds; None for labels that can be read in two ways."""
    try:
        return detect(labels)
    except DataError:
        return None


def _declared(tags: Sequence[str], scheme: str, outside: Sequence[str] | None) -> Scheme:
    """Return a declared scheme with letters, its separator and outside tags found."""
    name = "bioes" if scheme == "iobes" else scheme
    readings = [
        reading for reading in _readings(tags, outside) if all(fits(letter, name) for letter in reading.letters)
    ]
    readings.sort(key=lambda reading: (not reading.paired(), reading.suffix))
    if readings:
        return readings[0].scheme(name)
    odd = [tag for tag in tags if tag not in (outside or OUTSIDE) and not _any_letter(tag, name)]
    reason = (
        f"{odd[0]!r} has none of its letters {', '.join(LETTERS[name])}" if odd else "they are not all written alike"
    )
    raise DataError(
        f"the tags {_some(tags)} are not {name.upper()}: {reason}; name every outside tag in `outside`, "
        "or another `scheme`"
    )


def _declared_bare(tags: Sequence[str], scheme: str, outside: Sequence[str] | None) -> Scheme:
    if scheme == "io":
        return Scheme("io", tuple(outside) if outside is not None else (_only_outside(tags, sure_of_one=True),))
    if outside:
        raise DataError(f"`scheme: {scheme}` has no outside tag, but `outside` names {outside[0]!r}; say `scheme: io`")
    return Scheme(scheme)


def _readings(tags: Sequence[str], outside: Sequence[str] | None) -> list[_Reading]:
    """Return every way to take all tags but the outside ones apart into a letter and a type."""
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
    """Return the scheme that has these letters; None where no scheme has all of them, or there are none."""
    if letters == {"I"}:
        return "iob1"
    return next((name for name in _PREFERRED if letters and letters <= set(LETTERS[name])), None)


def _letter_of(tag: str, separator: str, suffix: bool) -> str:
    if not separator:
        return tag
    return tag.rpartition(separator)[2] if suffix else tag.partition(separator)[0]


def _best(readings: Sequence[_Reading], tags: Sequence[str]) -> _Reading | None:
    """Return the reading of a set; None where its tags are classes as well as letters and types can be.

    Raises:
        DataError: two readings are equally good, or the only one is no better than that the tags are classes.
    """
    plausible = [reading for reading in readings if _plausible(reading)]
    if len(plausible) > 1:  # B-I and I-I: a type with two letters is the better evidence
        plausible = [reading for reading in plausible if reading.paired()] or plausible
    if len(plausible) > 1:
        raise _ambiguous(
            tags, "the letter may stand before or behind the type", "say `scheme: io` where they are classes"
        )
    if plausible:
        return plausible[0]
    for reading in readings:
        if reading.separator or reading.letters & set("BI"):
            raise _ambiguous(
                tags,
                "each begins or ends like a tag of a scheme, or is a class of its own",
                f"say `scheme: {reading.name}`, or `scheme: {'io' if reading.outside else 'bare'}` where they are classes",
            )
    return None


def _plausible(reading: _Reading) -> bool:
    """Return whether a label set shows a scheme with letters beyond doubt."""
    if not reading.separator:  # fewer letters than these may be classes; of I alone both readings are the same
        return reading.letters == {"I"} or any(reading.letters >= letters for letters in _WHOLE)
    if not reading.letters & set("BI"):  # S-Bahn, U-Bahn
        return False
    common = reading.upper and not reading.suffix and (reading.separator == "-" or reading.letters <= set("BI"))
    return common or reading.paired() or len(reading.letters) == 1 or len(reading.types) == 1


def _any_letter(tag: str, name: str) -> bool:
    ways = [split(tag, separator, suffix=suffix) for separator in SEPARATORS for suffix in (False, True)]
    return any(part is not None and fits(part[0], name) for part in [*ways, split(tag, "", suffix=False)])


def _refuse_mixed(tags: Sequence[str], outside: Sequence[str] | None) -> None:
    """Refuse a set of which some tags have letters and others have not.

    Raises:
        DataError: a type stands with B and with another letter, or tags with B or I stand beside an outside tag.
    """
    known = set(outside) if outside is not None else OUTSIDE & set(tags)
    for separator, suffix in [(separator, suffix) for separator in SEPARATORS for suffix in (False, True)]:
        parts = {tag: part for tag in tags if (part := split(tag, separator, suffix=suffix)) is not None}
        types: dict[str, set[str]] = {}
        for letter, kind in parts.values():
            types.setdefault(kind, set()).add(letter[0])
        paired = any("B" in letters and len(letters) > 1 for letters in types.values())
        beside = not suffix and any(_letter_of(tag, separator, suffix).upper() in {"B", "I"} for tag in parts)
        if paired or (known and beside):
            bare = [tag for tag in tags if tag not in parts and tag not in known]
            mixed = f"{min(parts)!r} has a letter and a type, but {min(bare, default='')!r} is not written so"
            classes = f"`scheme: {'io' if known else 'bare'}` where all are classes"
            raise _ambiguous(
                tags,
                mixed if bare else "they have letters of several schemes",
                f"mend it, say `outside` with every tag that is in no span, or {classes}",
            )
    for suffix in (False, True):
        _refuse_joined(tags, {_joined(tag, suffix): tag for tag in set(tags) - known}, classes=_classes(known))


def _refuse_joined(tags: Sequence[str], spans: Mapping[tuple[str, str], str], *, classes: str) -> None:
    """Refuse a set whose tags all have a letter without a separator, some type B and I.

    Args:
        tags: All of them.
        spans: (letter, type) -> the tag, of those that are not outside.
        classes: The setting that says that they are classes.

    Raises:
        DataError: it is such a set.
    """
    both = sorted(kind for letter, kind in spans if letter == "B" and ("I", kind) in spans)
    if both and all(letter in ROLES for letter, _ in spans):
        begins, inside = spans["B", both[0]], spans["I", both[0]]
        raise _ambiguous(
            tags,
            f"{begins!r} and {inside!r} may be a letter and a type without a separator, or classes",
            f"write them as B-TYPE and I-TYPE, or say {classes}",
        )


def _joined(tag: str, suffix: bool) -> tuple[str, str]:
    """Return the first letter, or the last one, as upper case, and the rest."""
    return (tag[-1:].upper(), tag[:-1]) if suffix else (tag[:1].upper(), tag[1:])


def _classes(known: Collection[str]) -> str:
    return f"`scheme: {'io' if known else 'bare'}` where they are classes"


def _bare(tags: Sequence[str], outside: Sequence[str] | None) -> Scheme:
    """Return the reading of classes without letters."""
    if outside is not None:
        return Scheme("io", tuple(outside)) if outside else Scheme("bare")
    if set(tags) <= UPOS | {"O", "_"} and set(tags) & UPOS:
        return Scheme("xtreme", ("O",) if "O" in tags else ())
    if not set(tags) & (OUTSIDE | PERHAPS):
        return Scheme("bare")
    return Scheme("io", (_only_outside(tags),))


def _only_outside(tags: Sequence[str], *, sure_of_one: bool = False) -> str:
    """Return the outside tag of bare classes; `sure_of_one` where the task declares that one of them is.

    Raises:
        DataError: there is none, or several tags may be it.
    """
    sure, perhaps = sorted(OUTSIDE & set(tags)), sorted(PERHAPS & set(tags))
    if "0" in perhaps and not all(tag.isdecimal() for tag in tags):  # a zero for an O, where classes are words
        sure, perhaps = [*sure, "0"], [tag for tag in perhaps if tag != "0"]
    if len(sure) == 1 and not perhaps:
        return sure[0]
    if sure_of_one and len(perhaps) == 1 and not sure:
        return perhaps[0]
    if not sure and not perhaps:
        raise DataError(f"the tags {_some(tags)} have no outside tag; name it in `outside`, or say `scheme: bare`")
    both = " and ".join(map(repr, [*sure, *perhaps]))
    which = "may be outside every span, or a class" if len([*sure, *perhaps]) == 1 else "may all be outside every span"
    raise _ambiguous(tags, f"{both} {which}", "say `outside` with every tag that is in no span, or `scheme: bare`")


def _ambiguous(tags: Sequence[str], reason: str, setting: str) -> DataError:
    return DataError(f"the tags {_some(tags)} can be read in more than one way: {reason}; {setting}")


def _some(tags: Sequence[str]) -> str:
    shown = ", ".join(map(repr, tags[:_SHOWN]))
    return shown + (f" and {len(tags) - _SHOWN} more" if len(tags) > _SHOWN else "")
