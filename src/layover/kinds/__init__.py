"""Kinds of tasks: one file each, found by file name; everything that differs between them is behind `Kind`."""

from __future__ import annotations

from typing import Any

from layover import plugins
from layover.errors import DataError
from layover.kinds._arrays import finite
from layover.kinds._keys import CodesKeys, KeyCheck, Keys, LabelKeys, LabelsKeys, Path, TextKeys, texts_of
from layover.kinds._kind import Kind
from layover.kinds._pairs import encode_pairs
from layover.layouts.heads import HeadForm
from layover.registry import Registry, instance_of


def _fits(plugin: Any, name: str) -> str:
    """Return why a plug-in is no kind of this name; one that is trained needs a head, which nothing imports here."""
    if reason := instance_of(Kind)(plugin, name):
        return reason
    if not isinstance(plugin.keys, tuple) or not all(
        isinstance(key_class, type) and issubclass(key_class, Keys) for key_class in plugin.keys
    ):
        return "has `keys` that are no tuple of classes below Keys"
    lacks = plugin.trained and name not in plugins.names(plugins.HEADS)
    return f"is trained, and no plug-in of the group {plugins.HEADS} is called {name!r}" if lacks else ""


_KINDS: Registry[Kind[Any]] = Registry(__name__, __path__, "KIND", DataError, group=plugins.KINDS, fits=_fits)
names, get, usable = _KINDS.names, _KINDS.get, _KINDS.usable

__all__ = [
    "CodesKeys",
    "HeadForm",
    "KeyCheck",
    "Keys",
    "Kind",
    "LabelKeys",
    "LabelsKeys",
    "Path",
    "TextKeys",
    "encode_pairs",
    "finite",
    "get",
    "names",
    "texts_of",
    "usable",
]
