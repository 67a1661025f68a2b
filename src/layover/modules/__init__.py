"""Modules: what is trained on the encoder for one task. One file per module, found by its name.

A module file holds settings and pure functions over named tensors; nothing here imports torch, so that a recipe
can be checked without it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from layover.errors import ModelError, nearest
from layover.modules.base import LINEARS, SUBLAYERS, At, Module, Shape, Site

_SHARED = {"base"}


@cache
def names() -> tuple[str, ...]:
    """Return the names of all modules, sorted; a module's name is its file's."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in _SHARED))


@cache
def get(name: str) -> type[Module]:
    """Return the settings class of a module.

    Raises:
        ModelError: no module is called so.
    """
    if name not in names():
        raise ModelError(f"unknown module {name!r}; {nearest(name, names())}")
    file = importlib.import_module(f"{__name__}.{name}")
    found: type[Module] = next(
        value
        for value in vars(file).values()
        if isinstance(value, type) and issubclass(value, Module) and value.__module__ == file.__name__
    )
    return found


__all__ = ["LINEARS", "SUBLAYERS", "At", "Module", "Shape", "Site", "get", "names"]
