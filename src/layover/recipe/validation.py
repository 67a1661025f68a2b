"""From plain values to typed ones; what is wrong with them in a user's words.

Where one value of a section is wrong, the rest of the section is still checked: so all mistakes are told at once.
"""

from __future__ import annotations

import copy
import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from layover.errors import Problem, nearest
from layover.recipe.expected import field_annotation, is_model, options, plain, shown, takes, words
from layover.recipe.file import Loc, RecipeFile
from layover.settings import RecipeSection

T = TypeVar("T", bound=BaseModel)

ROUNDS = 12
"""Of mending: a value goes first, then its list, then what they stand in, from the inside out."""
LONGEST_KEY = 80
"""Characters of a key that are held against the valid ones."""
_KEY = "[key]"
"""What pydantic adds to the path of a key that is wrong itself."""


def validate(
    model: type[T], value: object, source: RecipeFile, at: Loc = (), also: tuple[str, ...] = ()
) -> tuple[T | None, list[Problem]]:
    """Parse `value` as `model`; return it, or every problem with its place.

    Args:
        model: The pydantic model.
        value: Plain values, standing at path `at` of `source`.
        source: The recipe file, for places.
        at: Path of `value`.
        also: Keys that are valid beside the model's own (for the nearest name).
    """
    parsed, found = _parsed(model, value, also)
    return parsed, [source.problem((*at, *loc), message) for loc, message in found.items()]


def validate_mended(
    model: type[T], source: RecipeFile, required: Mapping[Loc, object]
) -> tuple[T | None, list[Problem], set[Loc]]:
    """Parse a whole recipe; where values are wrong, also return what is left without them, to be checked further.

    Args:
        model: Of the recipe.
        source: Its values.
        required: Path -> a value that stands in for one that is required and wrong or missing.

    Returns:
        The parsed recipe (None where no stand-in helps), all problems, and the paths whose value is not the user's.
    """
    values, mended = copy.deepcopy(source.values), set[Loc]()
    for loc in source.unusable - {()}:
        mended.add(_mend(values, loc, required, hard=False))
    parsed, found = _parsed(model, values, ())
    first = {loc: message for loc, message in found.items() if not any(_within(loc, one) for one in mended)}
    if () in source.unusable:  # which keys the recipe would have is not known
        first = {loc: message for loc, message in first.items() if len(loc) > 1 or loc[0] in source.values}
    problems = [source.problem(loc, message) for loc, message in first.items()]
    tried: dict[Loc, int] = {}
    for _ in range(ROUNDS):
        for loc in found:
            times = tried[loc] = tried.get(loc, 0) + 1
            upper = loc[: max(1, len(loc) - max(0, times - 2))]
            mended.add(_mend(values, upper, required, hard=times > 1))
        if parsed is not None:
            break
        parsed, found = _parsed(model, values, ())
    return parsed, problems, mended


def _within(loc: Loc, other: Loc) -> bool:
    return loc[: len(other)] == other


STAND_IN = "?"
"""Takes the place of a text that is wrong in a list, whose other items keep their places."""


def _mend(values: Any, loc: Loc, required: Mapping[Loc, object], *, hard: bool) -> Loc:
    """Take the value at `loc` away, or put another in its place; return the path of what is not the user's any more.

    Args:
        values: Of the recipe; changed.
        loc: Of a wrong or missing value.
        required: What stands in for a value that must be there.
        hard: Whether a stand-in in its list was wrong, too, so that the list goes.
    """
    holder, inner = values, loc
    for depth, part in enumerate(loc[:-1]):
        try:
            holder = holder[part]
        except (KeyError, IndexError, TypeError):
            inner = loc[: depth + 1]
            break
    if loc in required and isinstance(holder, dict):
        holder[loc[-1]] = copy.deepcopy(required[loc])
    elif isinstance(holder, list) and isinstance(inner[-1], int) and inner[-1] < len(holder) and not hard:
        holder[inner[-1]] = f"{STAND_IN}{inner[-1]}"
    elif isinstance(holder, list):
        return _mend(values, inner[:-1], required, hard=hard)
    elif isinstance(holder, dict):
        holder.pop(inner[-1], None)
    return inner


def mistakes(model: type[BaseModel], value: object, error: ValidationError) -> Iterator[tuple[Loc, str]]:
    """Yield path and message of everything that is wrong with values that are no recipe's.

    Args:
        model: That does not take them.
        value: Plain values.
        error: What it raised.
    """
    return _messages(model, value, error, ())


def _parsed(model: type[T], value: object, also: tuple[str, ...]) -> tuple[T | None, dict[Loc, str]]:
    """Return the model, or the messages by path."""
    try:
        return model.model_validate(value), {}
    except ValidationError as error:
        return None, _once(dict(_messages(model, value, error, also)))


def _once(found: dict[Loc, str]) -> dict[Loc, str]:
    """Return the messages without those that a list repeats of one of its items."""
    inner = {(loc[:length], message) for loc, message in found.items() for length in range(len(loc))}
    return {loc: message for loc, message in found.items() if (loc, message) not in inner}


def _messages(
    annotation: Any, value: object, error: ValidationError, also: tuple[str, ...]
) -> Iterator[tuple[Loc, str]]:
    """Yield path and message of every mistake; of a union only what the value's own form makes of it."""
    unions: dict[Loc, tuple[Any, object]] = {}
    for details in error.errors(include_url=False, include_context=True):
        here, holder, current, is_key = annotation, annotation, value, False
        loc: Loc = ()
        for part in details["loc"]:
            if part == _KEY:
                here, is_key = _key_of(holder), True
                break
            if _several(here):
                break
            here, holder, current = _step(here, part), here, _at(current, part)
            loc = (*loc, part)
        if _several(here) and details["type"] not in {"value_error", "missing"} and not is_key:
            unions.setdefault(loc, (here, current))
        elif details["type"] != "too_short" or not _below(loc, error):
            got = loc[-1] if is_key else current
            yield loc, _message(annotation, here, details, loc, got, also)
    for loc, (union, current) in unions.items():
        for inner, message in _of_union(union, current):
            yield (*loc, *inner), message


def _listed(union: Any, value: object) -> str:
    """Return how one value of a list is written, where only a list may stand; empty text else."""
    items = [typing.get_args(plain(one))[0] for one in options(union) if typing.get_origin(plain(one)) is tuple]
    if not any(takes(option, value) for item in items for option in options(item)):
        return ""
    bare = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w/.-]*", value)
    return f"[{value if bare else shown(value)}]"


def _below(loc: Loc, error: ValidationError) -> bool:
    """Return whether an item of a list is wrong: then pydantic also takes the list for one without it."""
    others = (one["loc"] for one in error.errors(include_url=False, include_context=False, include_input=False))
    return any(len(other) > len(loc) and other[: len(loc)] == loc for other in others)


def _of_union(union: Any, value: object) -> Iterator[tuple[Loc, str]]:
    """Yield what is wrong with a value that may have one of several forms."""
    fitting = [option for option in options(union) if takes(option, value)]
    found: list[tuple[Loc, str]] = []
    if len(fitting) == 1:
        try:
            TypeAdapter(fitting[0]).validate_python(value)
        except ValidationError as error:
            found = list(_messages(fitting[0], value, error, ()))
    if (one := _listed(union, value)) and not any("did you mean" in message for _, message in found):
        names = [str(name) for option in options(union) for name in _literals(option)]
        yield (), f"{shown(value)} does not fit; write a list: {', or '.join([one, *names])}"
        return
    empty = isinstance(value, (list, tuple, dict)) and not value
    inside = found if fitting and (empty or _literals(fitting[0])) else [one for one in found if one[0]]
    yield from inside or [((), f"{shown(value)} does not fit; write {words(union)}")]


def _several(annotation: Any) -> bool:
    return sum(plain(option) is not type(None) for option in options(annotation)) > 1


def _message(model: Any, here: Any, details: Any, loc: Loc, got: object, also: tuple[str, ...]) -> str:
    def unknown() -> str:
        key, section = loc[-1], _section_at(model, loc[:-1])
        if section is not None and issubclass(section, RecipeSection) and key in section.renamed:
            return f"this key is now called {section.renamed[str(key)]}"
        valid = _keys_at(model, loc[:-1])
        return f"unknown key; {nearest(str(loc[-1])[:LONGEST_KEY], (*valid, *(also if len(loc) == 1 else ())))}"

    def own() -> str:
        message = str(details["msg"]).removeprefix("Value error, ")
        if message.startswith("None "):
            return f"null {message.removeprefix('None ')}"
        return message[:1].lower() + message[1:]

    def no_literal() -> str:
        expected = [str(one) for option in options(here) for one in _literals(option)]
        return f"{shown(got)} is not known here; {nearest(str(got)[:LONGEST_KEY], expected)}"

    def too_long() -> str:
        count, most = (details["ctx"][name] for name in ("actual_length", "max_length"))
        return f"a list of {count:,} items; write {most:,} at most"

    def empty() -> str:
        return f"is empty; write {words(here)}"

    def missing() -> str:
        valid, written = _keys_at(model, loc[:-1]), details["input"]
        keys = written if isinstance(written, Mapping) else ()
        others = [key[:LONGEST_KEY] for key in keys if isinstance(key, str) and key not in valid]
        mistyped = difflib.get_close_matches(str(loc[-1]), others, n=1)
        return (
            f"is required; {shown(mistyped[0])} is no key, did you mean {shown(loc[-1])}?"
            if mistyped
            else "is required"
        )

    messages = {
        "extra_forbidden": unknown,
        "missing": missing,
        "value_error": own,
        "literal_error": no_literal,
        "too_long": too_long,
        "too_short": empty,
        "string_too_short": empty,
    }
    told = messages.get(details["type"])
    one = _listed(here, got)
    return told() if told is not None else f"{shown(got)} does not fit; write {words(here)}" + (one and f": {one}")


def _literals(option: Any) -> tuple[Any, ...]:
    bare = plain(option)
    return typing.get_args(bare) if typing.get_origin(bare) is typing.Literal else ()


def _section_at(model: Any, loc: Loc) -> type[BaseModel] | None:
    """Return the model of the section at `loc`; None where there is none."""
    annotation: Any = model
    for part in loc:
        annotation = _step(annotation, part)
    return next((option for option in map(plain, options(annotation)) if is_model(option)), None)


def _keys_at(model: Any, loc: Loc) -> tuple[str, ...]:
    """Return the keys that are valid in the section at `loc`."""
    section = _section_at(model, loc)
    return () if section is None else tuple(field.alias or name for name, field in section.model_fields.items())


def _step(annotation: Any, part: str | int) -> Any:
    """Return the annotation of what stands below a key, or at a place of a list."""
    for option in map(plain, options(annotation)):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is dict:
            return arguments[1]
        if origin is tuple and isinstance(part, int):
            return arguments[0]
        if is_model(option):
            for name, field in option.model_fields.items():
                if part in {name, field.alias}:
                    return field_annotation(field)
    return None


def _key_of(annotation: Any) -> Any:
    return next(
        (typing.get_args(one)[0] for one in map(plain, options(annotation)) if typing.get_origin(one) is dict), None
    )


def _at(value: object, part: str | int) -> object:
    """Return what stands below a key, or at a place of a list; None where nothing does."""
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
