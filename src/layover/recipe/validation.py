"""From plain values to typed ones, with pydantic's complaints turned into a user's words."""

from __future__ import annotations

import types
import typing
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from layover.errors import Problem, nearest
from layover.recipe.source import Loc, Source

T = TypeVar("T", bound=BaseModel)


def validate(
    model: type[T], value: object, source: Source, at: Loc = (), also: tuple[str, ...] = ()
) -> tuple[T | None, list[Problem]]:
    """Parse `value` as `model`; return it, or every problem with its place.

    Args:
        model: The pydantic model.
        value: Plain values, standing at path `at` of `source`.
        source: The recipe file, for places.
        at: Path of `value`.
        also: Keys that are valid beside the model's own (for the nearest name).
    """
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        return None, [_problem(model, details, source, at, also) for details in error.errors()]


def _problem(model: type[BaseModel], error: Any, source: Source, at: Loc, also: tuple[str, ...]) -> Problem:
    inner: Loc = tuple(part for part in error["loc"] if not _is_type_tag(part))
    return source.problem((*at, *inner), _message(model, error, inner, also))


def _is_type_tag(part: str | int) -> bool:
    """Tell pydantic's names of union members (`tuple[str, ...]`, `literal['all']`) from keys of the recipe."""
    return isinstance(part, str) and ("[" in part or part in {"str", "int", "float", "bool"})


def _message(model: type[BaseModel], error: Any, loc: Loc, also: tuple[str, ...]) -> str:
    kind, got = error["type"], error["input"]
    if kind == "extra_forbidden":
        valid = _fields_at(model, loc[:-1])
        return f"unknown key; {nearest(str(loc[-1]), (*valid, *(also if len(loc) == 1 else ())))}"
    if kind == "missing":
        return "is required"
    if kind == "literal_error":
        expected = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return f"{got!r} is not known here; {nearest(str(got), expected)}"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return message if kind == "value_error" else f"{message} (got {_short(got)})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields_at(model: type[BaseModel], loc: Loc) -> tuple[str, ...]:
    """Return the keys that are valid in the section at `loc`."""
    annotation: Any = model
    for part in loc:
        annotation = _step_into(annotation, part)
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return tuple(field.alias or name for name, field in option.model_fields.items())
    return ()


def _options(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return typing.get_args(annotation)
    return (annotation,)


def _step_into(annotation: Any, part: str | int) -> Any:
    for option in _options(annotation):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is dict:
            return arguments[1]
        if origin is tuple and isinstance(part, int):
            return arguments[0]
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                if part in {name, field.alias}:
                    return field.annotation
    return None
