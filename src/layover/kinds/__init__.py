"""Kinds of tasks: one file each, found by file name. Their differences are behind the class `Kind`."""

from __future__ import annotations

from typing import Any

from layover import plugins
from layover.errors import DataError
from layover.kinds._arrays import finite
from layover.kinds._keys import CodesKeys, KeyCheck, Keys, LabelKeys, LabelsKeys, Path, TextKeys, texts_of
from layover.kinds._kind import Kind
from layover.kinds._pairs import encode_pairs
from layover.kinds._row_score import RowScore
from layover.layouts.heads import HeadForm
from layover.registry import Registry, instance_of


def _fits(plugin: Any, name: str) -> str:
    """Return the reason why a plug-in is no kind of this name, or an empty text; a trained kind needs a head."""
    if reason := instance_of(Kind)(plugin, name):
        return reason
    if not isinstance(plugin.keys, tuple) or not all(
        isinstance(key_class, type) and issubclass(key_class, Keys) for key_class in plugin.keys
    ):
        return "has `keys` that are not a tuple of subclasses of Keys"
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
    "RowScore",
    "TextKeys",
    "encode_pairs",
    "finite",
    "get",
    "names",
    "texts_of",
    "usable",
]
