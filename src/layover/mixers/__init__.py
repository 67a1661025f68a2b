"""Mixers: how the deltas of several modules at one place become one. One file per mixer, found by its name.

As with modules, nothing here imports torch before it computes.
"""

from __future__ import annotations

from layover.errors import ModelError
from layover.mixers._base import Mixer
from layover.registry import Registry

_MIXERS: Registry[type[Mixer]] = Registry(__name__, __path__, "MIXER", ModelError)
names, get = _MIXERS.names, _MIXERS.get

__all__ = ["Mixer", "get", "names"]
