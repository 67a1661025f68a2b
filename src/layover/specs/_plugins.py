"""The plug-ins that compute a step: their distributions and versions, on which its result depends."""

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
from layover.perturbations import Perturbation

PluginName = tuple[str, str]
"""Group of plug-ins, and name in the group."""


@dataclass(frozen=True)
class Plugins(Canonical):
    """Distributions of plug-ins with their versions, without those that are part of Layover."""

    versions: tuple[tuple[str, str], ...] = ()
    """Sorted by distribution."""

    @classmethod
    def of(cls, names: Iterable[PluginName]) -> Self:
        """Return the distributions of names that are plug-ins, with the installed versions.

        Raises:
            PluginError: two plug-ins are in conflict.
        """
        return cls(tuple(plugins.versions(names).items()))

    def canonical(self) -> dict[str, Json]:
        """Return distribution -> version."""
        return dict(self.versions)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the plug-ins of a canonical form."""
        return cls(tuple(sorted(typed(Mapping[str, str], values, "Plugins").items())))


NO_PLUGINS = Plugins()


def plugin_names_in(value: Any) -> Iterator[PluginName]:
    """Yield the plug-ins of all groups among the fields of a value that decide results."""
    if isinstance(value, CanonicalModel):
        yield from _of_model(value)
    elif is_dataclass(value):
        for field in fields(value):
            if field.compare:
                yield from plugin_names_in(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from plugin_names_in(item)


def _of_model(value: CanonicalModel) -> Iterator[PluginName]:
    for base, group in _GROUPS.items():
        if isinstance(value, base):
            yield group, value.name
    if isinstance(value, Composition):
        yield from plugin_names_in(value.built_mixer())


_GROUPS: Mapping[type[Module | Composition | Mixer | Objective | Perturbation], str] = {
    Module: plugins.MODULES,
    Composition: plugins.COMPOSITIONS,
    Mixer: plugins.MIXERS,
    Objective: plugins.OBJECTIVES,
    Perturbation: plugins.PERTURBATIONS,
}


def kind_and_head(kind: str) -> Iterator[PluginName]:
    """Yield the names of a kind and of its head."""
    yield plugins.KINDS, kind
    yield plugins.HEADS, kind
