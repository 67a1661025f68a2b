"""The values that a setting takes, in words: read from its type, so that no message of pydantic reaches the user."""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

NoneType = type(None)


def options(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, with the members of nested unions; else the annotation alone."""
    bare = plain(annotation)
    if typing.get_origin(bare) in {typing.Union, types.UnionType}:
        return tuple(member for option in typing.get_args(bare) for member in options(option))
    return (annotation,)


def plain(annotation: Any) -> Any:
    """Return an annotation without the metadata of `Annotated`."""
    return plain(typing.get_args(annotation)[0]) if typing.get_origin(annotation) is Annotated else annotation


def is_model(annotation: Any) -> bool:
    """Return whether an annotation is a section with its own keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def field_annotation(field: FieldInfo) -> Any:
    """Return the annotation of a field with all its restrictions."""
    if not field.metadata and field.description is None:
        return field.annotation
    return Annotated[field.annotation, *field.metadata, FieldInfo(description=field.description)]


def takes(option: Any, value: object) -> bool:
    """Return whether a value has the form of an option of a union; its details may still be wrong."""
    bare = plain(option)
    origin = typing.get_origin(bare) or bare
    if origin is Literal:
        return any(type(value) is type(literal) for literal in typing.get_args(bare))
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if origin is tuple:
        return isinstance(value, list | tuple)
    if origin is dict or is_model(origin):
        return isinstance(value, dict)
    return type(value) is origin


def words(annotation: Any) -> str:
    """Return the values that an annotation takes: `a number from 1e-12 to 10`, `true or false`, `a list, or all`."""
    described = [_option_in_words(option) for option in options(annotation) if plain(option) is not NoneType]
    return ", or ".join(dict.fromkeys(described))


def _option_in_words(option: Any) -> str:
    bare, restrictions = plain(option), list(_restrictions(option))
    infos = [restriction for restriction in restrictions if isinstance(restriction, FieldInfo)]
    description = next((info.description for info in infos if info.description), None)
    if description is not None:
        return description
    origin = typing.get_origin(bare) or bare
    if is_model(origin):
        keys = [field.alias or name for name, field in origin.model_fields.items()]
        return f"a mapping of {', '.join(keys[:8])}{' ...' if len(keys) > 8 else ''}"
    inner = typing.get_args(bare)
    described: dict[Any, Callable[[], str]] = {
        Literal: lambda: ", ".join(map(shown_plain, inner)),
        bool: lambda: "true or false",
        int: f"a whole number {_range(restrictions)}".rstrip,
        float: f"a number {_range(restrictions)}".rstrip,
        str: lambda: "a text",
        tuple: lambda: f"a list, each item {words(inner[0])}",
        dict: lambda: "a mapping (name: value)" + (f", each value {words(inner[1])}" if inner[1] is not Any else ""),
    }
    return described.get(origin, lambda: "a value")()


def _restrictions(annotation: Any) -> Iterator[Any]:
    """Yield the restrictions of an annotation, the outermost first."""
    if typing.get_origin(annotation) is not Annotated:
        return
    inner, *metadata = typing.get_args(annotation)
    for restriction in metadata:
        yield restriction
        if isinstance(restriction, FieldInfo):
            yield from restriction.metadata
    yield from _restrictions(inner)


def bounds(annotation: Any) -> tuple[float | None, float | None]:
    """Return the lowest and the highest value of a number; None without a bound."""
    restrictions = list(_restrictions(annotation))
    return _bound(restrictions, ("ge", "gt")), _bound(restrictions, ("le", "lt"))


def _bound(restrictions: list[Any], names: tuple[str, ...]) -> float | None:
    limits = (getattr(restriction, name, None) for restriction in restrictions for name in names)
    return next((limit for limit in limits if limit is not None), None)


def _range(restrictions: list[Any]) -> str:
    lowest, highest = _bound(restrictions, ("ge", "gt")), _bound(restrictions, ("le", "lt"))
    if lowest is None or highest is None:
        return ""
    below = _bound(restrictions, ("le",)) is None
    return f"from {_number(lowest)} {'to below' if below else 'to'} {_number(highest)}"


def _number(value: float) -> str:
    """Return `1,000,000`, `0.5` or `1e-9`."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}".replace("e-0", "e-").replace("e+0", "e")


def shown_plain(value: object) -> str:
    """Return a value as YAML writes it, a text without quotes."""
    return value if isinstance(value, str) else shown(value)


def shown(value: object) -> str:
    """Return a value as a recipe would write it, cut to 60 characters; a text in single quotes."""
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, float) and not math.isfinite(value):
        text = str(value).replace("inf", ".inf").replace("nan", ".nan")
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
