"""Layouts: the names of modules and heads in the files of other libraries.

There is one file per layout of modules, found by its name. Downloaded folders are read only here. Nothing here imports
torch, so a plan can look into a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from layover.errors import ModelError
from layover.files import checkpoints
from layover.files.safe import is_there
from layover.layouts._base import CONFIG, Base, Layout, StoredModule, WrittenNames
from layover.registry import Registry

_LAYOUTS: Registry[Layout] = Registry(__name__, __path__, "LAYOUT", ModelError)
MOST_BELOW, MOST_SHOWN = 100, 3
"""Numbers of folders with modules that are searched below a folder, and that a message names."""
_OTHERS = frozenset({"heads"})
"""Modules of this package that are no layouts."""


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
    """Return the layout of a folder.

    Raises:
        ModelError: no layout recognises it, or its weights are only in a pickle.
    """
    for layout in every():
        if layout.recognises(folder):
            return layout
    raise ModelError(f"{folder}: the folder has no module that Layover can read; {instead(folder)}")


def instead(folder: Path) -> str:
    """Return the content of a folder without a module, and advice, as the end of a message."""
    below = [path.parent for depth in ("*", "*/*") for path in islice(folder.glob(f"{depth}/{CONFIG}"), MOST_BELOW)]
    if below:  # peft saves under the name of an adapter, a trainer its checkpoints
        names = [str(path) for path in sorted(below, key=_last_first)]
        more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
        return f"modules are in subfolders: name {' or '.join(names[:MOST_SHOWN])}{more}"
    there = [layout.file for layout in every() if is_there(folder / layout.file)]
    if there:
        return f"it has {there[0]} without its {CONFIG}; copy both files"
    if is_there(folder / checkpoints.WEIGHTS) or is_there(folder / checkpoints.SHARDS):
        return f"its {checkpoints.WEIGHTS} is a whole model; name the folder under models, as an encoder"
    return f"Layover reads {', '.join(layout.describe for layout in every())}"


def _last_first(path: Path) -> tuple[list[int], str]:
    """Return a sort key that puts the last checkpoint of a trainer first."""
    return [-int(number) for part in path.parts[-2:] for number in re.findall(r"-(\d+)$", part)], str(path)


def read(folder: Path, base: Base) -> StoredModule:
    """Return the module in a folder of any layout.

    Raises:
        ModelError: no layout recognises the folder, or the module does not fit the encoder completely.
    """
    return of(folder).read(folder, base)


__all__ = ["CONFIG", "Base", "Layout", "StoredModule", "WrittenNames", "every", "get", "instead", "names", "of", "read"]
