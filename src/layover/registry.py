"""Registries by file name: a task, a kind, a metric, a module, a composition or a head is one file; there is no list.

Plug-ins of other packages are found by entry points; see `layover.plugins`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from layover import plugins
from layover.errors import LayoverError, PluginError, nearest, printable, shortened
from layover.plugins import Plugin

T = TypeVar("T")
Fits = Callable[[Any, str], str]
"""(object, name) -> the reason why the object cannot be registered under this name, or an empty text."""


class Registry(Generic[T]):
    """The files of a package, each with one item in a constant, and the plug-ins of a group.

    A file whose name begins with an underscore is shared code; a file in a subfolder is called `folder/name`.

    Args:
        package: Dotted name of the package.
        path: Its `__path__`.
        constant: Name of the constant, `TASK`.
        error: Error for an unknown name.
        group: Group of the entry points, one of `layover.plugins`; None without plug-ins.
        fits: Check of a plug-in.
        beside: Whether the constant of a plug-in is another object in the same file as the target of its entry point.
    """

    def __init__(
        self,
        package: str,
        path: Iterable[str],
        constant: str,
        error: type[LayoverError],
        *,
        group: str | None = None,
        fits: Fits | None = None,
        beside: bool = False,
    ) -> None:
        self._package, self._path = package, list(path)
        self._constant, self._error = constant, error
        self._group, self._fits, self._beside = group, fits, beside
        self.names = cache(self._names)
        self.get = cache(self._get)

    def _names(self) -> tuple[str, ...]:
        """Return all names, sorted, without imports."""
        plugged = () if self._group is None else plugins.names(self._group)
        return tuple(sorted({*_below(self._path, ""), *plugged}))

    def _get(self, name: str) -> T:
        """Return the item of a name; its file is imported at first use.

        Raises:
            LayoverError: the name is unknown, or its plug-in cannot be used.
        """
        plugin = None if self._group is None else plugins.find(self._group, name)
        if plugin is not None:
            return self._plugged(plugin)
        if name not in self.names():
            raise self._error(f"no {self._constant.lower()} is called {name!r}; {nearest(name, self.names())}")
        module: Any = importlib.import_module(f"{self._package}.{name.replace('/', '.')}")
        thing: T = vars(module)[self._constant]
        return thing

    def usable(self) -> tuple[str, ...]:
        """Return all names without unusable plug-ins; imports every item."""
        return tuple(name for name in self.names() if self.problem(name) is None)

    def problem(self, name: str) -> PluginError | None:
        """Return the error of an unusable plug-in; None for a usable plug-in and for built-in items."""
        try:
            self.get(name)
        except PluginError as error:
            return error
        return None

    def _plugged(self, plugin: Plugin) -> T:
        file, _, attribute = plugin.target.replace(" ", "").partition(":")
        module = _imported(plugin, file)
        constant = self._constant if self._beside or not attribute else attribute
        try:
            thing: Any = module
            for part in constant.split("."):
                thing = vars(thing)[part] if thing is module else getattr(thing, part)
        except (KeyError, AttributeError):
            raise _unusable(plugin, f"{file} has no {constant}") from None
        if self._fits is not None and (reason := self._fits(thing, plugin.name)):
            raise _unusable(plugin, f"{constant} of {file} {reason}")
        fitting: T = thing
        return fitting


def _imported(plugin: Plugin, file: str) -> Any:
    try:
        return importlib.import_module(file)
    except (Exception, SystemExit) as error:
        message = shortened(printable(" ".join(str(error).split())), 300)
        raise _unusable(plugin, f"importing {file} failed with {type(error).__name__}: {message}") from error


def _unusable(plugin: Plugin, reason: str) -> PluginError:
    return PluginError(f"{plugin.described} cannot be used: {reason}; fix {plugin.distribution}, or uninstall it")


def instance_of(cls: type) -> Fits:
    """Return the check that a plug-in is an instance of a class and has the name of its entry point."""

    def fits(thing: Any, name: str) -> str:
        if not isinstance(thing, cls):
            return f"is {_described(thing)}, not a {cls.__name__}"
        return _lacking(type(thing)) or _called_otherwise(thing, name)

    return fits


def subclass_of(cls: type) -> Fits:
    """Return the check that a plug-in is a subclass of a class and has the name of its entry point."""

    def fits(thing: Any, name: str) -> str:
        if not isinstance(thing, type) or not issubclass(thing, cls):
            return f"is {_described(thing)}, not a subclass of {cls.__name__}"
        if missing := sorted(getattr(thing, "__abstractmethods__", ())):
            return f"does not define {', '.join(missing)}"
        return _lacking(thing) or _called_otherwise(thing, name)

    return fits


def a_function(thing: Any, _name: str) -> str:
    """Return the reason why a plug-in is not a function, or an empty text."""
    return "" if callable(thing) else f"is {_described(thing)}, not a function"


def _described(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"of type {type(thing).__name__}"


def _lacking(cls: type) -> str:
    """Return a message about class constants that a base class declares and that have no value, or an empty text."""
    declared = [
        name for base in cls.__mro__ for name, hint in inspect.get_annotations(base).items() if "ClassVar" in str(hint)
    ]
    lacking = sorted({name for name in declared if not name.startswith("_") and not hasattr(cls, name)})
    return f"has no value for {', '.join(lacking)}" if lacking else ""


def _called_otherwise(thing: Any, name: str) -> str:
    own = getattr(thing, "name", name)
    return "" if own == name else f"has the name {own!r}; its name and the name of its entry point must be equal"


def _below(folders: Iterable[str], prefix: str) -> Iterator[str]:
    for folder in folders:
        for module in pkgutil.iter_modules([folder]):
            if module.name.startswith("_"):
                continue
            if module.ispkg:
                yield from _below([str(Path(folder) / module.name)], f"{prefix}{module.name}/")
            else:
                yield f"{prefix}{module.name}"
