"""Plug-ins: extensions from other installed packages, found by their entry points. This module does not import them.

A name belongs to its group, `layover.kinds`. Its distribution and version are in the key of every node that uses it.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from layover.errors import PluginError, printable

KINDS, HEADS, TASKS, METRICS = "layover.kinds", "layover.heads", "layover.tasks", "layover.metrics"
MODULES, COMPOSITIONS, MIXERS = "layover.modules", "layover.compositions", "layover.mixers"
OBJECTIVES, FORMATS, REPORT_SECTIONS = "layover.objectives", "layover.formats", "layover.report_sections"
PERTURBATIONS, TRACKERS, SAMPLERS = "layover.perturbations", "layover.trackers", "layover.samplers"

_PREFIX = "layover."
_ELSEWHERE = {
    FORMATS: "layover.data.formats",
    REPORT_SECTIONS: "layover.report.sections",
    TRACKERS: "layover.tracking",
}
GROUPS = {
    group: _ELSEWHERE.get(group, group)
    for group in (
        KINDS,
        HEADS,
        TASKS,
        METRICS,
        MODULES,
        COMPOSITIONS,
        MIXERS,
        OBJECTIVES,
        PERTURBATIONS,
        FORMATS,
        REPORT_SECTIONS,
        TRACKERS,
        SAMPLERS,
    )
}
"""Group -> the package of Layover with the built-in items of the group; its `get` returns plug-ins too."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DISTRIBUTION = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,79}")
"""Versions that the card of a package accepts."""
_RESERVED = {(TASKS, "none")}
"""Names that have another meaning in a recipe."""


@dataclass(frozen=True, order=True)
class Plugin:
    """A plug-in of another package."""

    group: str
    name: str
    target: str
    """`package.module`, or `package.module:OBJECT`."""
    distribution: str
    """Normalised: lower case, words joined by `-`."""
    version: str
    """Empty if the distribution has no version."""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def described(self) -> str:
        """The plug-in and its distribution, for messages: `the plug-in 'toy' (layover.kinds, a 1.0)`."""
        return f"the plug-in {self.name!r} ({self.group}, {self})"


@cache
def installed() -> Mapping[tuple[str, str], tuple[Plugin, ...]]:
    """Return all plug-ins of this environment by group and name; several plug-ins of one name are a conflict."""
    every = importlib.metadata.entry_points()
    plugins: dict[tuple[str, str], list[Plugin]] = {}
    for group in every.groups:
        for entry in every.select(group=group) if group.startswith(_PREFIX) else ():
            name, version = _distribution(entry.dist)
            plugins.setdefault((group, entry.name), []).append(Plugin(group, entry.name, entry.value, name, version))
    return MappingProxyType({key: tuple(sorted(candidates)) for key, candidates in sorted(plugins.items())})


def _distribution(distribution: importlib.metadata.Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "unknown", ""
    facts = distribution.metadata
    known = {name: facts[name] for name in ("Name", "Version") if name in facts}
    return normalised(known.get("Name", "unknown")), known.get("Version", "")


def normalised(distribution: str) -> str:
    """Return the normalised name of a distribution. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def names(group: str) -> tuple[str, ...]:
    """Return the names of a group's plug-ins, sorted."""
    return tuple(name for own_group, name in installed() if own_group == group)


def find(group: str, name: str) -> Plugin | None:
    """Return the plug-in of a name, or None if there is none, as for built-in items.

    Raises:
        PluginError: two plug-ins have this name, it is the name of a built-in item, or the name or the version is
            invalid.
    """
    candidates = installed().get((group, name), ())
    if not candidates:
        return None
    plugin = candidates[0]
    if len(candidates) > 1:
        listed = " and ".join(f"{each} has {each.target}" for each in candidates)
        raise PluginError(
            f"{len(candidates)} plug-ins are called {name!r} ({group}): {listed}; keep one and uninstall the others"
        )
    if _comes_with_layover(group, name):
        raise PluginError(
            f"{plugin.described} has the name of a built-in item of Layover, so {name!r} is ambiguous; uninstall "
            f"{plugin.distribution}, or rename the plug-in there"
        )
    if _NAME.fullmatch(name) is None:
        raise PluginError(
            f"{plugin.described} has an invalid name; use a lower-case letter, then lower-case letters, digits and "
            f"underscores, in the entry points of {plugin.distribution}"
        )
    if not plugin.version:
        raise PluginError(
            f"{plugin.described}: {plugin.distribution} has no version, but the version is part of the key of every "
            "result; set a version and install it again"
        )
    if _DISTRIBUTION.fullmatch(plugin.distribution) is None or _VERSION.fullmatch(plugin.version) is None:
        raise PluginError(
            f"{plugin.described}: its distribution has an invalid name or version; use letters, digits and hyphens in "
            "the name, letters, digits and .+!_- in the version, and at most 80 characters"
        )
    return plugin


def _comes_with_layover(group: str, name: str) -> bool:
    if (group, name) in _RESERVED:
        return True
    folder = Path(__file__).parent.joinpath(*GROUPS.get(group, group).split(".")[1:])
    return _NAME.fullmatch(name) is not None and ((folder / f"{name}.py").is_file() or (folder / name).is_dir())


def versions(things: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return distribution -> version of the plug-ins among some items, each given by group and name.

    Raises:
        PluginError: see `find`.
    """
    if not installed():
        return {}
    plugins = (find(group, name) for group, name in things)
    return dict(sorted({plugin.distribution: plugin.version for plugin in plugins if plugin is not None}.items()))


def missing(needed: Mapping[str, str]) -> str:
    """Return a message about the needed distributions that are not installed, or an empty text.

    Args:
        needed: Distribution -> version.
    """
    absent = [(name, version) for name, version in sorted(needed.items()) if _version_of(name) is None]
    if not absent:
        return ""
    listed = " and ".join(printable(f"{name} {version}") for name, version in absent)
    pins = " ".join(printable(_quoted(f"{name}=={version}")) for name, version in absent)
    return (
        f"it needs {'the plug-in' if len(absent) == 1 else 'the plug-ins'} {listed}, not installed here; a plug-in is "
        f"code, so check who publishes it, then run: pip install {pins}"
    )


def _quoted(text: str) -> str:
    """Return a text quoted as one shell word."""
    return "'" + text.replace("'", "'\\''") + "'"


def changed(needed: Mapping[str, str]) -> str:
    """Return a message about the distributions whose installed version differs, or an empty text."""
    here = {name: _version_of(name) for name in sorted(needed)}
    others = [
        f"{name} {version} is installed, not {needed[name]}"
        for name, version in here.items()
        if version is not None and version != needed[name]
    ]
    return printable("; ".join(others))


def _version_of(distribution: str) -> str | None:
    """Return the installed version, or None if the distribution is not installed or has no plug-in."""
    every = (plugin for candidates in installed().values() for plugin in candidates)
    return next((plugin.version for plugin in every if plugin.distribution == distribution), None)
