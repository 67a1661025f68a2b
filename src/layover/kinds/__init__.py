"""Kinds of tasks: one file each, found by file name; everything that differs between them is behind `Kind`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from layover.errors import DataError, nearest
from layover.kinds._kind import Kind

__all__ = ["Kind", "get", "names"]


def names() -> tuple[str, ...]:
    """Return the names of all kinds, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def get(name: str) -> Kind[Any]:
    """Return the kind of that name.

    Raises:
        DataError: there is none, with the nearest name.
    """
    if name not in names():
        raise DataError(f"no kind is called {name!r}; {nearest(name, names())}")
    kind: Kind[Any] = importlib.import_module(f"{__name__}.{name}").KIND
    return kind
