"""Kinds of tasks: one file each, found by file name; everything that differs between them is behind `Kind`."""

from __future__ import annotations

from typing import Any

from layover.errors import DataError
from layover.kinds._kind import Kind
from layover.registry import Registry

_KINDS: Registry[Kind[Any]] = Registry(__name__, __path__, "KIND", DataError)
names, get = _KINDS.names, _KINDS.get

__all__ = ["Kind", "get", "names"]
