"""Turns plain values into typed values, and reports errors in the words of a recipe.

If a value of a section is wrong, the rest of the section is still checked, so that all errors are reported at once.
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
"""Most attempts to replace wrong values: first a value, then its list, then the sections around it."""
LONGEST_KEY = 80
"""Characters of a key that are compared with the valid keys."""
_KEY = "[key]"
"""The last part of pydantic's path if the key itself is wrong."""


def validate(
    model: type[T], value: object, source: RecipeFile, at: Loc = (), also: tuple[str, ...] = ()
) -> tuple[T | None, list[Problem]]:
    """Return `value` parsed as `model`, or every problem with its place.

    Args:
        model: The pydantic model.
        value: Plain values, at path `at` of `source`.
        source: The recipe file, for places.
        at: Path of `value`.
        also: Keys that are valid in addition to the model's own (for the nearest name).
    """
    parsed, messages = _parsed(model, value, also)
    return parsed, [source.problem((*at, *loc), message) for loc, message in messages.items()]


def validate_partially(
    model: type[T], source: RecipeFile, required: Mapping[Loc, object]
) -> tuple[T | None, list[Problem], set[Loc]]:
    """Return a parsed recipe and its problems; wrong values are removed or replaced, so that the rest can be checked.

    Args:
        model: The model of the recipe.
        source: The recipe's values.
        required: Path -> the placeholder of a required value that is wrong or missing.

    Returns:
        The parsed recipe (None if no placeholder helps), all problems, and the paths of removed or replaced values.
    """
    values, replaced = copy.deepcopy(source.values), set[Loc]()
    for loc in source.unusable - {()}:
        replaced.add(_replace(values, loc, required, hard=False))
    parsed, messages = _parsed(model, values, ())
    first = {loc: message for loc, message in messages.items() if not any(_within(loc, other) for other in replaced)}
    if () in source.unusable:  # the keys of the recipe are unknown
        first = {loc: message for loc, message in first.items() if len(loc) > 1 or loc[0] in source.values}
    problems = [source.problem(loc, message) for loc, message in first.items()]
    tried: dict[Loc, int] = {}
    for _ in range(ROUNDS):
        for loc in messages:
            times = tried[loc] = tried.get(loc, 0) + 1
            upper = loc[: max(1, len(loc) - max(0, times - 2))]
            replaced.add(_replace(values, upper, required, hard=times > 1))
        if parsed is not None:
            break
        parsed, messages = _parsed(model, values, ())
    return parsed, problems, replaced


def _within(loc: Loc, other: Loc) -> bool:
    return loc[: len(other)] == other


STAND_IN = "?"
"""Replaces a wrong text in a list, so that the other items keep their indices."""


def _replace(values: Any, loc: Loc, required: Mapping[Loc, object], *, hard: bool) -> Loc:
    """Remove or replace the value at `loc`; return the path of the value that was changed.

    Args:
        values: The values of the recipe; changed in place.
        loc: Path of a wrong or missing value.
        required: Path -> the placeholder of a required value.
        hard: Whether a placeholder in its list was wrong, too, so that the whole list is removed.
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
        return _replace(values, inner[:-1], required, hard=hard)
    elif isinstance(holder, dict):
        holder.pop(inner[-1], None)
    return inner


def mistakes(model: type[BaseModel], value: object, error: ValidationError) -> Iterator[tuple[Loc, str]]:
    """Yield path and message of every error in values that are not from a recipe.

    Args:
        model: The model that refuses the values.
        value: Plain values.
        error: The error of the model.
    """
    return _messages(model, value, error, ())


def _parsed(model: type[T], value: object, also: tuple[str, ...]) -> tuple[T | None, dict[Loc, str]]:
    """Return the parsed value, or the messages by path."""
    try:
        return model.model_validate(value), {}
    except ValidationError as error:
        return None, _once(dict(_messages(model, value, error, also)))


def _once(messages: dict[Loc, str]) -> dict[Loc, str]:
    """Return the messages without messages of a list that repeat the message of an item."""
    inner = {(loc[:length], message) for loc, message in messages.items() for length in range(len(loc))}
    return {loc: message for loc, message in messages.items() if (loc, message) not in inner}


def _messages(
    annotation: Any, value: object, error: ValidationError, also: tuple[str, ...]
) -> Iterator[tuple[Loc, str]]:
    """Yield path and message of every error; for a union only the errors of the option with the value's form."""
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
    """Return a single value written as a list if a list is required; else an empty text."""
    lists = [option for option in map(plain, options(union)) if typing.get_origin(option) is tuple]
    items = [typing.get_args(option)[0] for option in lists]
    if not any(takes(option, value) for item in items for option in options(item)):
        return ""
    bare = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w/.-]*", value)
    return f"[{value if bare else shown(value)}]"


def _below(loc: Loc, error: ValidationError) -> bool:
    """Return whether an item of a list is wrong; pydantic then also reports that the list is too short."""
    others = (other["loc"] for other in error.errors(include_url=False, include_context=False, include_input=False))
    return any(len(other) > len(loc) and other[: len(loc)] == loc for other in others)


def _of_union(union: Any, value: object) -> Iterator[tuple[Loc, str]]:
    """Yield path and message of every error in a value that may have one of several forms."""
    fitting = [option for option in options(union) if takes(option, value)]
    messages: list[tuple[Loc, str]] = []
    if len(fitting) == 1:
        try:
            TypeAdapter(fitting[0]).validate_python(value)
        except ValidationError as error:
            messages = list(_messages(fitting[0], value, error, ()))
    if (listed := _listed(union, value)) and not any("did you mean" in message for _, message in messages):
        names = [str(name) for option in options(union) for name in _literals(option)]
        yield (), f"{shown(value)} does not fit; write a list: {', or '.join([listed, *names])}"
        return
    empty = isinstance(value, (list, tuple, dict)) and not value
    inside = messages if fitting and (empty or _literals(fitting[0])) else [pair for pair in messages if pair[0]]
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
        expected = [str(literal) for option in options(here) for literal in _literals(option)]
        return f"{shown(got)} is not a valid value; {nearest(str(got)[:LONGEST_KEY], expected)}"

    def too_long() -> str:
        count, most = (details["ctx"][name] for name in ("actual_length", "max_length"))
        return f"the list has {count:,} items; write at most {most:,}"

    def empty() -> str:
        return f"is empty; write {words(here)}"

    def missing() -> str:
        valid, written = _keys_at(model, loc[:-1]), details["input"]
        keys = written if isinstance(written, Mapping) else ()
        others = [key[:LONGEST_KEY] for key in keys if isinstance(key, str) and key not in valid]
        mistyped = difflib.get_close_matches(str(loc[-1]), others, n=1)
        return (
            f"is required; {shown(mistyped[0])} is not a key, did you mean {shown(loc[-1])}?"
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
    message = messages.get(details["type"])
    if message is not None:
        return message()
    listed = _listed(here, got)
    return f"{shown(got)} does not fit; write {words(here)}" + (listed and f": {listed}")


def _literals(option: Any) -> tuple[Any, ...]:
    bare = plain(option)
    return typing.get_args(bare) if typing.get_origin(bare) is typing.Literal else ()


def _section_at(model: Any, loc: Loc) -> type[BaseModel] | None:
    """Return the model of the section at `loc`; None if it is not a section."""
    annotation: Any = model
    for part in loc:
        annotation = _step(annotation, part)
    return next((option for option in map(plain, options(annotation)) if is_model(option)), None)


def _keys_at(model: Any, loc: Loc) -> tuple[str, ...]:
    """Return the keys that are valid in the section at `loc`."""
    section = _section_at(model, loc)
    return () if section is None else tuple(field.alias or name for name, field in section.model_fields.items())


def _step(annotation: Any, part: str | int) -> Any:
    """Return the annotation of the value below a key, or at an index of a list."""
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
        (typing.get_args(bare)[0] for bare in map(plain, options(annotation)) if typing.get_origin(bare) is dict), None
    )


def _at(value: object, part: str | int) -> object:
    """Return the value below a key, or at an index of a list; None if absent."""
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
