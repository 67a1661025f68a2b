"""The plug-ins that compute a step: their distributions and versions, which decide its result as settings do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Self

from layover import plugins
from layover.canonical import Canonical, CanonicalModel, typed
from layover.compositions import Composition
from layover.identity import Json
from layover.mixers import Mixer
from layover.modules import Module
from layover.objectives import Objective

Thing = tuple[str, str]
"""Group of plug-ins, and name in it."""


@dataclass(frozen=True)
class Plugins(Canonical):
    """Distributions of plug-ins with their versions; none for what comes with Layover."""

    versions: tuple[tuple[str, str], ...] = ()
    """Sorted by distribution."""

    @classmethod
    def of(cls, things: Iterable[Thing]) -> Self:
        """Return those of the things that are plug-ins, as they are installed here.

        Raises:
            PluginError: one of them is in conflict with another.
        """
        return cls(tuple(plugins.versions(things).items()))

    def canonical(self) -> dict[str, Json]:
        """Return distribution -> version."""
        return dict(self.versions)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the plug-ins of a canonical form."""
        return cls(tuple(sorted(typed(Mapping[str, str], values, "Plugins").items())))


NO_PLUGINS = Plugins()


def things_in(value: Any) -> Iterator[Thing]:
    """Yield the modules, compositions, mixers and objectives among the fields of a value that decide results."""
    if isinstance(value, CanonicalModel):
        yield from _of_model(value)
    elif is_dataclass(value):
        for field in fields(value):
            if field.compare:
                yield from things_in(getattr(value, field.name))
    elif isinstance(value, tuple):
        for one in value:
            yield from things_in(one)


def _of_model(value: CanonicalModel) -> Iterator[Thing]:
    for base, group in _GROUPS.items():
        if isinstance(value, base):
            yield group, value.name
    if isinstance(value, Composition):
        yield from things_in(value.built_mixer())


_GROUPS: Mapping[type[Module | Composition | Mixer | Objective], str] = {
    Module: plugins.MODULES,
    Composition: plugins.COMPOSITIONS,
    Mixer: plugins.MIXERS,
    Objective: plugins.OBJECTIVES,
}


def answering(kind: str) -> Iterator[Thing]:
    """Yield a kind and its head."""
    yield plugins.KINDS, kind
    yield plugins.HEADS, kind
