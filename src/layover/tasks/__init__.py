"""Tasks: one file each, found by file name; a file in a subfolder is called `folder/name`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from layover.data.task import FileSource, HubSource, Location
from layover.errors import DataError, nearest
from layover.tasks._own import OwnTask, declare
from layover.tasks._task import Task

__all__ = ["FileSource", "HubSource", "Location", "OwnTask", "Task", "declare", "get", "names"]


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of all built-in tasks, sorted; imports none of them."""
    return tuple(sorted(_below(__path__, "")))


@lru_cache
def get(name: str) -> Task:
    """Return the built-in task of that name.

    Raises:
        DataError: there is none, with the nearest name.
    """
    if name not in names():
        raise DataError(f"no task is called {name!r}; {nearest(name, names())}")
    task: Task = importlib.import_module(f"{__name__}.{name.replace('/', '.')}").TASK
    return task


def _below(folders: Iterable[str], prefix: str) -> Iterator[str]:
    for folder in folders:
        for module in pkgutil.iter_modules([folder]):
            if module.name.startswith("_"):
                continue
            if module.ispkg:
                yield from _below([str(Path(folder) / module.name)], f"{prefix}{module.name}/")
            else:
                yield f"{prefix}{module.name}"
