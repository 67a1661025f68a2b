"""The module and the composition that the settings of a card describe, and their comparison with files."""

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
    """Return the module that a card describes.

    Args:
        settings: Its settings, with its name as `name`.
        where: Path of the card, for the message.

    Raises:
        ModelError: the module or a setting does not exist.
    """
    try:
        module = modules.parse(settings)
    except ValueError as error:
        raise ModelError(f"{where}: the settings of its module: {_problems(error)}") from None
    if module.whole or not module.trains_encoder:
        raise ModelError(f"{where}: {module.name} is not a module for packages; export another module")
    return module


def composition_of(settings: Mapping[str, Any] | None, where: Path) -> Composition | None:
    """Return the composition that a card describes, or None; see `module_of`."""
    if settings is None:
        return None
    try:
        return compositions.parse(settings)
    except ValueError as error:
        raise ModelError(f"{where}: the settings of its composition: {_problems(error)}") from None


def _problems(error: ValueError) -> str:
    """Return the invalid settings, in one line."""
    if not isinstance(error, ValidationError):
        return printable(str(error))[:300]
    errors = error.errors(include_url=False)  # a foreign card may have many
    lacking = [str(details["ctx"]["name"]) for details in errors if details["type"] == LACKING]
    if lacking:
        return f"{error.title.lower()} needs {', '.join(lacking)}"
    wrong = {str(details["loc"][0]) if details["loc"] else "all": details["input"] for details in reversed(errors)}
    name = error.title.lower()
    invalid = [f"{printable(field)}: {printable(repr(value))[:60]}" for field, value in sorted(wrong.items())]
    return f"{name} does not take {', '.join(invalid[:5])}"


def check_same(expected: Module, actual: Module, shape: Shape, where: str) -> None:
    """Refuse files that describe another module than the card: other libraries would compute another result.

    Raises:
        ModelError: the two modules compute different results.
    """
    if not same(expected, actual, shape):
        raise ModelError(
            f"{where}: its config describes {actual.name}({actual}), but the card says {expected.name}({expected})"
        )


def same(module: Module, other: Module, shape: Shape) -> bool:
    """Return whether two modules compute the same on an encoder; their settings may be written differently."""
    return bool(_meaning(module, shape) == _meaning(other, shape))


def _meaning(module: Module, shape: Shape) -> Any:
    """Return name, sites with sizes and scale, and other settings of a module: equal for equal computations."""
    sites = {site.name: (module.weights(site), round(module.scale(site), 9)) for site in module.sites(shape)}
    rest = {name: value for name, value in module.model_dump().items() if name not in module.placing}
    return module.name, sites, rest
