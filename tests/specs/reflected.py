"""Reflection over specifications: where their fields are, of which types, and what else could stand there.

A field is found by the dataclass that declares it, so that a new one is tried without a word here; a field of a type
that is not known here fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import NoneType
from typing import Annotated, Any, ForwardRef, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from layover import compositions, modules, objectives, perturbations
from layover.compositions import Composition
from layover.kinds.retrieval import SettledSearch
from layover.modules import AdapterDrop, Module
from layover.objectives import Objective
from layover.perturbations import Perturbation
from layover.specs._plugins import NO_PLUGINS, Plugins

Path = tuple[str | int, ...]
"""Names of fields, and places in tuples, from a specification down."""


@dataclass(frozen=True)
class Found:
    """A field in a specification, or in a value of it."""

    path: Path
    hint: Any
    owner: str
    """The name of the class that has it."""
    aside: bool
    """Whether it decides nothing."""


def fields_in(value: Any, path: Path = ()) -> Iterator[Found]:
    """Yield the fields of a value, and those of the values in them; not of what stands aside."""
    if isinstance(value, tuple):
        for place, one in enumerate(value):
            yield from fields_in(one, (*path, place))
        return
    for name, (hint, aside) in _fields_of(value).items():
        yield Found((*path, name), hint, type(value).__name__, aside)
        if not aside:
            yield from fields_in(getattr(value, name), (*path, name))


def _fields_of(value: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it stands aside; modules and compositions are taken as a whole."""
    if not dataclasses.is_dataclass(value) and not isinstance(value, (AdapterDrop, SettledSearch)):
        return {}
    hints = get_type_hints(type(value), include_extras=True)
    if dataclasses.is_dataclass(value):
        return {field.name: (hints[field.name], not field.compare) for field in dataclasses.fields(value)}
    return {name: (hints[name], False) for name in type(value).model_fields}


def at(value: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for step in path:
        value = value[step] if isinstance(step, int) else getattr(value, step)
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of a value with something else at a path."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    inner = put(at(value, (step,)), rest, new)
    if isinstance(step, int):
        return (*value[:step], inner, *value[step + 1 :])
    return value.model_copy(update={step: inner}) if isinstance(value, BaseModel) else replace(value, **{step: inner})


KNOWN: dict[Any, tuple[Any, ...]] = {
    NoneType: (None,),
    bool: (True, False),
    int: (3, 4),
    float: (0.5, 0.25),
    str: ("some", "other"),
    Any: ("anything", ["else"]),
    ForwardRef("Json"): ("anything", ["else"]),
    Module: (modules.get("lora")(rank=3), modules.get("none")()),
    Composition: tuple(compositions.get("merge")(method="ties", density=density) for density in (0.3, 0.4)),
    Plugins | None: (NO_PLUGINS, Plugins((("toy", "1.0"),)), Plugins((("toy", "2.0"),))),
    Objective: (objectives.get("fgm")(), objectives.get("freelb")()),
    Perturbation: (perturbations.of("typos-10"), perturbations.of("words-20")),
    AdapterDrop: (AdapterDrop(train=1), AdapterDrop(train=2)),
    SettledSearch: tuple(
        SettledSearch(layer=layer, layers=(layer,), special_tokens=True, scoring="ratio", threshold=None)
        for layer in (5, 6)
    ),
}
"""Values of the types of which others are made."""


def others(hint: Any, value: Any) -> list[Any]:
    """Return values of a type that differ from one of it.

    Raises:
        KeyError: the type is not known here.
    """
    return [one for one in values_of(hint) if one != value]


def values_of(hint: Any) -> list[Any]:
    """Return different values of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in KNOWN:
        return list(KNOWN[hint])
    if origin is Annotated:
        return values_of(inner[0])
    if origin is Literal:
        return list(inner)
    if dataclasses.is_dataclass(hint):
        return _varied(hint)
    if isinstance(origin, type):
        return _collections(origin, inner)
    return [one for kind in inner for one in values_of(kind)] or list(KNOWN[hint])  # a union


def _collections(origin: type, inner: tuple[Any, ...]) -> list[Any]:
    if issubclass(origin, Mapping):
        return [{}, *({"one": one} for one in values_of(inner[1]))]
    if issubclass(origin, tuple) and inner[-1] is Ellipsis:
        return [(), *((one,) for one in values_of(inner[0])), tuple(values_of(inner[0])[:2])]
    if issubclass(origin, tuple):
        firsts = tuple(values_of(kind)[0] for kind in inner)
        return [
            firsts,
            *((*firsts[:place], values_of(kind)[1], *firsts[place + 1 :]) for place, kind in enumerate(inner)),
        ]
    return [one for kind in inner for one in values_of(kind)]


def _varied(cls: Any) -> list[Any]:
    """Return a dataclass with nothing but what it needs, and with another first field."""
    hints = get_type_hints(cls, include_extras=True)
    fields = [field for field in dataclasses.fields(cls) if field.compare]
    needed = {field.name: values_of(hints[field.name])[0] for field in fields if field.default is dataclasses.MISSING}
    first = cls(**needed)
    name = fields[0].name
    return [first, *(replace(first, **{name: one}) for one in others(hints[name], getattr(first, name))[:1])]
