"""The data sets of the sandbox: one file each, with a constant `SET`."""

from __future__ import annotations

from typing import Any

from layover.errors import DataError
from layover.registry import Registry
from layover_sandbox.sets._base import ALL, ENGLISH, EVERY, LANGUAGES, DataSet

_SETS: Registry[DataSet[Any]] = Registry(__name__, __path__, "SET", DataError)
names, get = _SETS.names, _SETS.get

__all__ = ["ALL", "ENGLISH", "EVERY", "LANGUAGES", "DataSet", "get", "names"]
