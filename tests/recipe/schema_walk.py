"""Every setting that a recipe may have, by walking the types of the schema."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from layover import compositions, mixers, modules
from layover.recipe.expected import field_annotation, is_model, options, plain
from layover.recipe.schema import Document
from layover.tasks import OwnTask

ROOTS: tuple[type[BaseModel], ...] = (
    Document,
    OwnTask,
    *(modules.get(name) for name in modules.names()),
    *(compositions.get(name) for name in compositions.names()),
    *(mixers.get(name) for name in mixers.names()),
)

Path = tuple[str | int, ...]


def settings_of(model: type[BaseModel], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and annotation of every setting below a model, sections and lists among them; `KEY` is any key."""
    for name, field in model.model_fields.items():
        yield from _below(field_annotation(field), (*at, field.alias or name))


KEY = "key"


def _below(annotation: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    yield at, annotation
    for option in options(annotation):
        bare = plain(option)
        origin, arguments = typing.get_origin(bare) or bare, typing.get_args(bare)
        if origin is tuple:
            yield from _below(arguments[0], (*at, 0))
        elif origin is dict:
            yield from _below(arguments[1], (*at, KEY))
        elif is_model(origin):
            yield from settings_of(origin, at)


def numbers_of(model: type[BaseModel]) -> Iterator[tuple[Path, Any]]:
    """Yield path and annotation of every number below a model."""
    for path, annotation in settings_of(model):
        for option in options(annotation):
            if plain(option) in (int, float):
                yield path, option
