"""Typed values and their canonical form, from which keys are computed.

A value is a frozen dataclass below `Canonical`, or a pydantic model below `CanonicalModel`. Its fields decide results.
A field that decides no result (a display name, a path on this machine) is declared with `aside` and is absent from the
canonical form. `parse` reads a canonical form back; fields declared with `aside` then have their defaults.

A field that is added later has an *omitted value*: a constant with which old results were computed. A field with this
value is omitted, so old keys stay as they are; an omitted field is read as this value. The constant is independent of
the current default. So a new default gives new keys, and old keys keep their meaning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, cast, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from layover.identity import Json

NAME, OMITTED, INLINED = "name", "omitted", "inlined"
LACKING = "lacking"
"""The type of pydantic's error for a missing field of a canonical form."""


@dataclass(frozen=True)
class Omitted:
    """Marks a field that was added to a type later; `value` is its omitted value."""

    value: Any


@dataclass(frozen=True)
class Through:
    """Names the function that reads a value from its canonical form, where the type alone is not enough."""

    parse: Callable[[Any], Any]


Opaque = Annotated[Any, Through(lambda value: value)]
"""Plain JSON that is written and read as it is."""


def aside(default: Any = MISSING, *, factory: Any = MISSING) -> Any:
    """Declare a field that decides no result and is absent from the canonical form."""
    if factory is not MISSING:
        return dataclasses.field(default_factory=factory, compare=False)
    return dataclasses.field(default=default, compare=False)


def called(name: str, *, default: Any = MISSING) -> Any:
    """Declare a field that has another name in the canonical form."""
    return dataclasses.field(default=default, metadata={NAME: name})


def inlined(*, default: Any = MISSING) -> Any:
    """Declare a field whose own fields are merged into the canonical form."""
    return dataclasses.field(default=default, metadata={INLINED: True})


def later(omitted: Any, *, name: str | None = None, default: Any = MISSING) -> Any:
    """Declare a field that was added later, or that is omitted at its neutral value.

    Args:
        omitted: The value with which the field is omitted; it never changes.
        name: Name in the canonical form, if it differs.
        default: Current default, if it differs from `omitted`.
    """
    metadata = {OMITTED: omitted} | ({} if name is None else {NAME: name})
    return dataclasses.field(default=omitted if default is MISSING else default, metadata=metadata)


class Canonical:
    """Base of all frozen dataclasses with a canonical form."""

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form, as plain JSON."""
        form: dict[str, Json] = {}
        for field in _deciding(type(self)):
            value = getattr(self, field.name)
            if INLINED in field.metadata:
                form |= value.canonical()
            elif not _is_omitted(field, value):
                form[name_of(field)] = plain(value)
        return form

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the value of a canonical form.

        Raises:
            ValueError: a field is missing, unknown or of another type.
        """
        own = {field.name: _read(cls, field, values) for field in _deciding(cls)}
        if unknown := sorted(values.keys() - cls.names()):
            raise ValueError(f"{cls.__name__} has no {unknown[0]!r}")
        return cls(**own)

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names that the canonical form may have."""
        names: set[str] = set()
        for field in _deciding(cls):
            names |= _hints(cls)[field.name].names() if INLINED in field.metadata else {name_of(field)}
        return frozenset(names)


_FORM = object()
"""Validation context: pydantic reads a canonical form (nested ones too), not the text of a user."""


class CanonicalModel(BaseModel):
    """A pydantic model with a canonical form.

    Its fields decide results; a field with `Field(exclude=True)` is absent from the canonical form.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _with_omitted(cls, values: Any, info: ValidationInfo) -> Any:
        """Fill in the omitted values when a canonical form is read; current defaults apply to user input only."""
        if info.context is not _FORM or not isinstance(values, Mapping):
            return values
        values = {**cls.omitted(), **values}
        needed = [name for name, field in cls.model_fields.items() if not field.exclude]
        if missing := [name for name in needed if name not in values]:
            raise PydanticCustomError(LACKING, "there is no '{name}'", {"name": missing[0]})
        return values

    @model_serializer(mode="wrap")
    def _without_omitted(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Drop the fields that have their omitted value."""
        values: dict[str, Any] = plain(self)
        for name, value in self.omitted().items():
            if dict(self)[name] == value:
                del values[name]
        return values

    @classmethod
    def omitted(cls) -> dict[str, Any]:
        """Return the omitted value of every field that has one."""
        metadata = {name: info.metadata for name, info in cls.model_fields.items()}
        return {name: mark.value for name, marks in metadata.items() for mark in marks if isinstance(mark, Omitted)}

    def settings(self) -> dict[str, Json]:
        """Return the fields that decide results, as plain JSON; fields with their omitted value are dropped."""
        return self.model_dump(mode="json")

    def canonical(self) -> Json:
        """Return the canonical form, as plain JSON: the settings, unless a subclass adds more."""
        return self.settings()

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the model of a canonical form.

        Raises:
            ValueError: a field is missing, unknown or of another type.
        """
        return cls.model_validate(dict(values), context=_FORM)


def name_of(field: Field[Any]) -> str:
    """Return the name of a field in the canonical form."""
    return str(field.metadata.get(NAME, field.name))


@cache
def _fields_of(cls: Any) -> tuple[Field[Any], ...]:
    return tuple(field for field in dataclasses.fields(cast(Any, cls)) if field.compare)


@cache
def _hints_of(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _deciding(cls: Any) -> tuple[Field[Any], ...]:
    return _fields_of(cls)


def _hints(cls: Any) -> dict[str, Any]:
    return _hints_of(cls)


def _is_omitted(field: Field[Any], value: Any) -> bool:
    return OMITTED in field.metadata and bool(value == field.metadata[OMITTED])


def plain(value: Any) -> Json:
    """Return a value as it is written in a canonical form."""
    if isinstance(value, (Canonical, CanonicalModel)):
        return value.canonical()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return cast(Json, value)


def _read(cls: type[Canonical], field: Field[Any], values: Mapping[str, Any]) -> Any:
    hint, name = _hints(cls)[field.name], name_of(field)
    if INLINED in field.metadata:
        return hint.parse({key: values[key] for key in hint.names() & values.keys()})
    if name in values:
        return typed(hint, values[name], f"{cls.__name__}.{name}")
    if OMITTED in field.metadata:
        return field.metadata[OMITTED]
    raise ValueError(f"{cls.__name__}: there is no {name!r}")


def typed(hint: Any, value: Any, where: str) -> Any:
    """Return plain JSON as a value of a type.

    Raises:
        ValueError: it is of another type.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        through = next((mark.parse for mark in inner[1:] if isinstance(mark, Through)), None)
        return typed(inner[0], value, where) if through is None else through(value)
    if origin in (Union, UnionType):
        return _one_of(inner, value, where)
    if origin is Literal and value in inner:
        return value
    if isinstance(origin, type):
        return _collection(origin, inner, value, where)
    return _single(hint, value, where)


def _collection(origin: type, inner: Sequence[Any], value: Any, where: str) -> Any:
    if origin is tuple and isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(typed(kind, item, where) for kind, item in _paired(inner, value, where))
    if issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {name: typed(inner[1], item, f"{where}.{name}") for name, item in value.items()}
    raise ValueError(f"{where}: {value!r:.100} is not of type {origin.__name__}")


def _single(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, (Canonical, CanonicalModel)) and isinstance(value, Mapping):
        return hint.parse(value)
    if hint is float and type(value) in {int, float}:
        return float(value)
    if type(value) is hint:
        return value
    raise ValueError(f"{where}: {value!r:.100} is not of type {hint}")


def _one_of(kinds: Sequence[Any], value: Any, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    kinds = [kind for kind in kinds if kind is not NoneType]
    if len(kinds) == 1:
        return typed(kinds[0], value, where)
    for kind in kinds:
        try:
            return typed(kind, value, where)
        except ValueError:
            continue
    raise ValueError(f"{where}: {value!r:.100} is none of {kinds}")


def _paired(kinds: Sequence[Any], values: Sequence[Any], where: str) -> Iterator[tuple[Any, Any]]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return ((kinds[0], value) for value in values)
    if len(kinds) != len(values):
        raise ValueError(f"{where}: {len(values)} values instead of {len(kinds)}")
    return zip(kinds, values, strict=True)
