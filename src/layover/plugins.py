"""Plug-ins: things that other installed packages bring, found by their entry points. Nothing here imports them.

A name counts within its group, `layover.kinds`. Its distribution and version stand in the key of whatever it computes.
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

_PREFIX = "layover."
_ELSEWHERE = {FORMATS: "layover.data.formats", REPORT_SECTIONS: "layover.report.sections"}
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
        FORMATS,
        REPORT_SECTIONS,
    )
}
"""Group -> the package of Layover that holds its own things, and gets those of others by `get`."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DISTRIBUTION = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,79}")
"""What a card of a package can hold."""
_RESERVED = {(TASKS, "none")}
"""Names that mean something else where recipes name a thing."""


@dataclass(frozen=True, order=True)
class Plugin:
    """A thing that another package brings."""

    group: str
    name: str
    target: str
    """`package.module`, or `package.module:OBJECT`."""
    distribution: str
    """Normalised: lower case, words joined by `-`."""
    version: str
    """Empty where the distribution says none."""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def described(self) -> str:
        """The thing and who brings it, for messages: `the plug-in 'toy' (layover.kinds, a 1.0)`."""
        return f"the plug-in {self.name!r} ({self.group}, {self})"


@cache
def installed() -> Mapping[tuple[str, str], tuple[Plugin, ...]]:
    """Return all plug-ins of this environment by group and name; several of one name are a conflict."""
    every = importlib.metadata.entry_points()
    plugins: dict[tuple[str, str], list[Plugin]] = {}
    for group in every.groups:
        for entry in every.select(group=group) if group.startswith(_PREFIX) else ():
            name, version = _distribution(entry.dist)
            plugins.setdefault((group, entry.name), []).append(Plugin(group, entry.name, entry.value, name, version))
    return MappingProxyType({key: tuple(sorted(those)) for key, those in sorted(plugins.items())})


def _distribution(distribution: importlib.metadata.Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "unknown", ""
    facts = distribution.metadata
    known = {name: facts[name] for name in ("Name", "Version") if name in facts}
    return normalised(known.get("Name", "unknown")), known.get("Version", "")


def normalised(distribution: str) -> str:
    """Return the one form of a distribution's name. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def names(group: str) -> tuple[str, ...]:
    """Return the names of a group's plug-ins, sorted."""
    return tuple(name for own_group, name in installed() if own_group == group)


def find(group: str, name: str) -> Plugin | None:
    """Return the plug-in of a name; None where there is none, as for what comes with Layover.

    Raises:
        PluginError: two of this name are installed, or it has the name of something that comes with Layover, or a name
            or a version that cannot be.
    """
    those = installed().get((group, name), ())
    if not those:
        return None
    plugin = those[0]
    if len(those) > 1:
        listed = " and ".join(f"{each} has {each.target}" for each in those)
        raise PluginError(f"{len(those)} plug-ins are called {name!r} ({group}): {listed}; uninstall all but one")
    if _comes_with_layover(group, name):
        raise PluginError(
            f"{plugin.described} has the name of one that comes with Layover, so {name!r} could mean either; uninstall "
            f"{plugin.distribution}, or have it renamed there"
        )
    if _NAME.fullmatch(name) is None:
        raise PluginError(
            f"{plugin.described} cannot have this name: a letter, then letters, digits and underscores, all lower-case; "
            f"rename it in the entry points of {plugin.distribution}"
        )
    if not plugin.version:
        raise PluginError(
            f"{plugin.described}: {plugin.distribution} says no version, which has to stand in the key of all that it "
            "computes; give it one and install it again"
        )
    if _DISTRIBUTION.fullmatch(plugin.distribution) is None or _VERSION.fullmatch(plugin.version) is None:
        raise PluginError(
            f"{plugin.described}: a name of letters, digits and hyphens and a version of letters, digits and .+!_- stand "
            "in keys and on cards, 80 characters at most; rename the distribution, or give it such a version"
        )
    return plugin


def _comes_with_layover(group: str, name: str) -> bool:
    if (group, name) in _RESERVED:
        return True
    folder = Path(__file__).parent.joinpath(*GROUPS.get(group, group).split(".")[1:])
    return _NAME.fullmatch(name) is not None and ((folder / f"{name}.py").is_file() or (folder / name).is_dir())


def versions(things: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return distribution -> version of those among some things, each by group and name, that are plug-ins.

    Raises:
        PluginError: see `find`.
    """
    if not installed():
        return {}
    plugins = (find(group, name) for group, name in things)
    return dict(sorted({plugin.distribution: plugin.version for plugin in plugins if plugin is not None}.items()))


def missing(needed: Mapping[str, str]) -> str:
    """Return which distributions are not installed, of those that something needs, and what to do; empty if none.

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
        f"code, so look who offers it, then: pip install {pins}"
    )


def _quoted(text: str) -> str:
    """Return a text that a shell reads as one word."""
    return "'" + text.replace("'", "'\\''") + "'"


def changed(needed: Mapping[str, str]) -> str:
    """Return which distributions have another version here than something was computed with; empty if none has."""
    here = {name: _version_of(name) for name in sorted(needed)}
    others = [
        f"{name} {version} is installed, not {needed[name]}"
        for name, version in here.items()
        if version is not None and version != needed[name]
    ]
    return printable("; ".join(others))


def _version_of(distribution: str) -> str | None:
    """Return the installed version; None where it is not installed, or brings no plug-in."""
    every = (plugin for those in installed().values() for plugin in those)
    return next((plugin.version for plugin in every if plugin.distribution == distribution), None)
