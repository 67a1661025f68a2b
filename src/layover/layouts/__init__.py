"""Other people's names: those inside encoders of transformers, and those of the files that hold modules and heads.

One file per layout of modules, found by its name. A downloaded folder is read here and nowhere else; nothing here
imports torch, so that a plan can learn what a folder holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.errors import ModelError
from layover.layouts._base import CONFIG, Base, Found, Layout, Named
from layover.registry import Registry

_LAYOUTS: Registry[Layout] = Registry(__name__, __path__, "LAYOUT", ModelError)
_OTHERS = frozenset({"checkpoint", "points", "safe", "heads"})
"""Files of this room that are no layouts."""


def names() -> tuple[str, ...]:
    """Return the names of all layouts, sorted."""
    return tuple(name for name in _LAYOUTS.names() if name not in _OTHERS)


def get(name: str) -> Layout:
    """Return a layout by its name."""
    return _LAYOUTS.get(name)


def every() -> Iterator[Layout]:
    """Yield all layouts."""
    yield from (get(name) for name in names())


def of(folder: Path) -> Layout:
    """Return the layout that a folder is written in.

    Raises:
        ModelError: none knows it, or its weights are there as a pickle only.
    """
    for layout in every():
        if layout.recognises(folder):
            return layout
    known = ", ".join(layout.describe for layout in every())
    raise ModelError(f"{folder}: no module in it that Layover can read; it knows {known}")


def read(folder: Path, base: Base) -> Found:
    """Return what a folder holds, in whichever layout.

    Raises:
        ModelError: no layout knows it, or it does not fit the encoder completely.
    """
    return of(folder).read(folder, base)


__all__ = ["CONFIG", "Base", "Found", "Layout", "Named", "every", "get", "names", "of", "read"]
