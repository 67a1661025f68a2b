"""Mixers: they combine the deltas of several modules at a site into one. One file per mixer, found by its name.

As with modules, nothing here imports torch before it computes.
"""

from __future__ import annotations

from layover import plugins
from layover.errors import ModelError
from layover.mixers._base import Mixer
from layover.registry import Registry, subclass_of

_MIXERS: Registry[type[Mixer]] = Registry(
    __name__, __path__, "MIXER", ModelError, group=plugins.MIXERS, fits=subclass_of(Mixer)
)
names, get, usable = _MIXERS.names, _MIXERS.get, _MIXERS.usable

__all__ = ["Mixer", "get", "names", "usable"]
