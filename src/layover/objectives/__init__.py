"""Objectives: the losses that a training step minimises. One file per objective, found by its name.

As with modules, nothing here imports torch before it computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layover import plugins
from layover.errors import ModelError
from layover.objectives._attack import Attack
from layover.objectives._base import Forward, Inputs, Objective, Passed, Place, StepPasses, View
from layover.registry import Registry, subclass_of

_OBJECTIVES: Registry[type[Objective]] = Registry(
    __name__, __path__, "OBJECTIVE", ModelError, group=plugins.OBJECTIVES, fits=subclass_of(Objective)
)
names, get = _OBJECTIVES.names, _OBJECTIVES.get


def parse(values: Mapping[str, Any]) -> Objective:
    """Return the objective of a canonical form: its name and its settings."""
    return get(values["name"]).parse({name: value for name, value in values.items() if name != "name"})


PLAIN: Objective = get("plain")()

__all__ = [
    "PLAIN",
    "Attack",
    "Forward",
    "Inputs",
    "Objective",
    "Passed",
    "Place",
    "StepPasses",
    "View",
    "get",
    "names",
    "parse",
]
