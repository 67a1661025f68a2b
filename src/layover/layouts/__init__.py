"""Other people's names: those inside encoders of transformers, and those of the files that hold modules and heads.

One file per layout of modules, found by its name. A downloaded folder is read here and nowhere else; nothing here
imports torch, so that a plan can learn what a folder holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from layover.errors import ModelError
from layover.files import checkpoints
from layover.files.safe import is_there
from layover.layouts._base import CONFIG, Base, Found, Layout, Named
from layover.registry import Registry

_LAYOUTS: Registry[Layout] = Registry(__name__, __path__, "LAYOUT", ModelError)
MOST_BELOW, MOST_TOLD = 100, 3
"""Folders with modules that are looked for below one without, and that a message names."""
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
    raise ModelError(f"{folder}: no module in it that Layover can read; {instead(folder)}")


def instead(folder: Path) -> str:
    """Return what lies in a folder without a module, and what may be meant."""
    below = [path.parent for depth in ("*", "*/*") for path in islice(folder.glob(f"{depth}/{CONFIG}"), MOST_BELOW)]
    if below:  # peft saves under the name of an adapter, a trainer its checkpoints
        names = [str(path) for path in sorted(below, key=_last_first)]
        more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
        return f"it is one or two folders further down: name {' or '.join(names[:MOST_TOLD])}{more}"
    there = [layout.file for layout in every() if is_there(folder / layout.file)]
    if there:
        return f"{there[0]} lies there without its {CONFIG}; copy both"
    if is_there(folder / checkpoints.WEIGHTS) or is_there(folder / checkpoints.SHARDS):
        return f"{checkpoints.WEIGHTS} is that of a whole model; name its folder under models, as an encoder"
    return f"it knows {', '.join(layout.describe for layout in every())}"


def _last_first(path: Path) -> tuple[list[int], str]:
    """Return what puts the last checkpoint of a trainer first."""
    return [-int(number) for part in path.parts[-2:] for number in re.findall(r"-(\d+)$", part)], str(path)


def read(folder: Path, base: Base) -> Found:
    """Return what a folder holds, in whichever layout.

    Raises:
        ModelError: no layout knows it, or it does not fit the encoder completely.
    """
    return of(folder).read(folder, base)


__all__ = ["CONFIG", "Base", "Found", "Layout", "Named", "every", "get", "instead", "names", "of", "read"]
