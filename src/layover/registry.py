"""Things found by file name: a task, a kind, a metric, a module, a composition, a head is one file, and no list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from layover.errors import LayoverError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """The files of a package, each of which names its thing by one constant.

    A file that begins with an underscore is shared code; a file in a subfolder is called `folder/name`.

    Args:
        package: Dotted name of the package.
        path: Its `__path__`.
        constant: Name of the constant, `TASK`.
        error: What is raised for an unknown name.
    """

    def __init__(self, package: str, path: Iterable[str], constant: str, error: type[LayoverError]) -> None:
        self._package, self._path = package, list(path)
        self._constant, self._error = constant, error
        self.names = cache(self._names)
        self.get = cache(self._get)

    def _names(self) -> tuple[str, ...]:
        """Return all names, sorted; imports nothing."""
        return tuple(sorted(_below(self._path, "")))

    def _get(self, name: str) -> T:
        """Return the thing of that name, imported when it is first asked for."""
        if name not in self.names():
            raise self._error(f"no {self._constant.lower()} is called {name!r}; {nearest(name, self.names())}")
        module: Any = importlib.import_module(f"{self._package}.{name.replace('/', '.')}")
        thing: T = vars(module)[self._constant]
        return thing


def _below(folders: Iterable[str], prefix: str) -> Iterator[str]:
    for folder in folders:
        for module in pkgutil.iter_modules([folder]):
            if module.name.startswith("_"):
                continue
            if module.ispkg:
                yield from _below([str(Path(folder) / module.name)], f"{prefix}{module.name}/")
            else:
                yield f"{prefix}{module.name}"
