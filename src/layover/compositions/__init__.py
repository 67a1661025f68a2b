"""Compositions: how an intermediate module takes part in the target stage. One file each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from layover.compositions.base import INTERMEDIATE, TARGET, Composition, Part
from layover.errors import ModelError, nearest

_SHARED = {"base"}


@cache
def names() -> tuple[str, ...]:
    """Return the names of all compositions, sorted; a composition's name is its file's."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in _SHARED))


@cache
def get(name: str) -> Composition:
    """Return a composition.

    Raises:
        ModelError: no composition is called so.
    """
    if name not in names():
        raise ModelError(f"unknown composition {name!r}; {nearest(name, names())}")
    file = importlib.import_module(f"{__name__}.{name}")
    found: type[Composition] = next(
        value
        for value in vars(file).values()
        if isinstance(value, type) and issubclass(value, Composition) and value.__module__ == file.__name__
    )
    return found()


__all__ = ["INTERMEDIATE", "TARGET", "Composition", "Part", "get", "names"]
