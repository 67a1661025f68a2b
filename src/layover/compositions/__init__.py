"""Compositions: how an intermediate module takes part in the target stage. One file each, found by its name."""

from __future__ import annotations

from layover.compositions._base import INTERMEDIATE, TARGET, Composition, Part
from layover.errors import ModelError
from layover.registry import Registry

_COMPOSITIONS: Registry[Composition] = Registry(__name__, __path__, "COMPOSITION", ModelError)
names, get = _COMPOSITIONS.names, _COMPOSITIONS.get

__all__ = ["INTERMEDIATE", "TARGET", "Composition", "Part", "get", "names"]
