"""Modules: the small networks that one task trains on the encoder. One file per module, found by its name.

A module file holds settings and pure functions over named tensors; nothing here imports torch, so that a recipe
can be checked without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from layover import plugins
from layover.errors import ModelError
from layover.modules._base import EMBEDDINGS, INNER, LINEARS, SUBLAYERS, At, LayeredModule, Module, Site, site_at
from layover.modules._drop import AdapterDrop
from layover.registry import Registry, subclass_of

_MODULES: Registry[type[Module]] = Registry(
    __name__, __path__, "MODULE", ModelError, group=plugins.MODULES, fits=subclass_of(Module)
)
names, get = _MODULES.names, _MODULES.get


def every() -> Iterator[type[Module]]:
    """Yield all kinds of modules."""
    yield from (get(name) for name in names())


def parse(values: Mapping[str, Any]) -> Module:
    """Return the module of a canonical form: its name and its settings.

    Raises:
        ModelError: no module has this name.
        ValueError: a setting is unknown, or the form is not a module.
    """
    if not isinstance(values, Mapping) or "name" not in values:
        raise ValueError(f"{values!r:.100} is not a module: 'name' is missing")
    settings = dict(values)
    return get(str(settings.pop("name"))).parse(settings)


__all__ = [
    "EMBEDDINGS",
    "INNER",
    "LINEARS",
    "SUBLAYERS",
    "AdapterDrop",
    "At",
    "LayeredModule",
    "Module",
    "Site",
    "every",
    "get",
    "names",
    "parse",
    "site_at",
]
