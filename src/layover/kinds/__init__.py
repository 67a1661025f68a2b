"""Kinds of tasks: one file each, found by file name; everything that differs between them is behind `Kind`."""

from __future__ import annotations

from typing import Any

from layover import plugins
from layover.errors import DataError
from layover.kinds._kind import Kind
from layover.registry import Registry, instance_of

_KINDS: Registry[Kind[Any]] = Registry(
    __name__, __path__, "KIND", DataError, group=plugins.KINDS, fits=instance_of(Kind)
)
names, get, usable = _KINDS.names, _KINDS.get, _KINDS.usable

__all__ = ["Kind", "get", "names", "usable"]
