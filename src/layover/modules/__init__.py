"""Modules: what is trained on the encoder for one task. One file per module, found by its name.

A module file holds settings and pure functions over named tensors; nothing here imports torch, so that a recipe
can be checked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layover.errors import ModelError
from layover.modules._base import EMBEDDINGS, INNER, LINEARS, SUBLAYERS, At, LayeredModule, Module, Site
from layover.modules._drop import AdapterDrop
from layover.registry import Registry

_MODULES: Registry[type[Module]] = Registry(__name__, __path__, "MODULE", ModelError)
names, get = _MODULES.names, _MODULES.get


def parse(values: Mapping[str, Any]) -> Module:
    """Return the module of a canonical form: its name and its settings."""
    return get(values["name"]).parse({name: value for name, value in values.items() if name != "name"})


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
    "get",
    "names",
    "parse",
]
