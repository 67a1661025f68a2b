"""What the settings on a card mean, and whether files mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from layover import compositions, modules
from layover.canonical import LACKING
from layover.compositions import Composition
from layover.errors import ModelError, printable
from layover.modules import Module
from layover.shape import Shape


def module_of(settings: Mapping[str, Any], where: Path) -> Module:
    """Return the module that a card tells of.

    Args:
        settings: With its name as `name`.
        where: Of the card, for the message.

    Raises:
        ModelError: there is no such module, or it has no such settings.
    """
    try:
        module = modules.parse(settings)
    except ValueError as error:
        raise ModelError(f"{where}: the settings of its module: {_said(error)}") from None
    if module.whole or not module.trains_encoder:
        raise ModelError(f"{where}: {module.name} is no module that a package could hold")
    return module


def composition_of(settings: Mapping[str, Any] | None, where: Path) -> Composition | None:
    """Return the composition that a card tells of, None for none; see `module_of`."""
    if settings is None:
        return None
    try:
        return compositions.parse(settings)
    except ValueError as error:
        raise ModelError(f"{where}: the settings of its composition: {_said(error)}") from None


def _said(error: ValueError) -> str:
    """Return which settings cannot be, in a line."""
    if not isinstance(error, ValidationError):
        return printable(str(error))[:300]
    errors = error.errors(include_url=False)  # of a strange card there are many
    lacking = [str(one["ctx"]["name"]) for one in errors if one["type"] == LACKING]
    if lacking:
        return f"{error.title.lower()} needs {', '.join(lacking)}"
    wrong = {str(one["loc"][0]) if one["loc"] else "all": one["input"] for one in reversed(errors)}
    name = error.title.lower()
    told = [f"{printable(field)}: {printable(repr(value))[:60]}" for field, value in sorted(wrong.items())]
    return f"{name} does not take {', '.join(told[:5])}"


def check_same(one: Module, other: Module, shape: Shape, where: str) -> None:
    """Refuse files that mean another module than the card: a library would compute something else than we do.

    Raises:
        ModelError: they differ in what they compute.
    """
    if not same(one, other, shape):
        raise ModelError(f"{where}: its config means {other.name}({other}), but the card {one.name}({one})")


def same(one: Module, other: Module, shape: Shape) -> bool:
    """Return whether two modules compute the same on an encoder, however their settings are written."""
    return bool(_meaning(one, shape) == _meaning(other, shape))


def _meaning(module: Module, shape: Shape) -> Any:
    """Return what a module computes, however its settings are written: by site the sizes and the scale."""
    sites = {site.name: (module.weights(site), round(module.scale(site), 9)) for site in module.sites(shape)}
    rest = {name: value for name, value in module.model_dump().items() if name not in module.placing}
    return module.name, sites, rest
