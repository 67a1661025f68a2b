"""The specifications of all steps: a frozen type for each step, with its canonical form and its key.

A step is a file with the constant `SPEC`; the file's name is the name of the step.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

from layover.errors import StoreError
from layover.registry import Registry
from layover.specs._encoder import EncoderSpec, TokenizerSpec
from layover.specs._hyperparameters import Hyperparameters, Sampling
from layover.specs._on_encoder import HeadOutputs, ModuleStep, OnEncoder
from layover.specs._plugins import Plugins, kind_and_head, plugin_names_in
from layover.specs._spec import StepSpec
from layover.specs._start import Learned, Start

_SPECS: Registry[type[StepSpec]] = Registry(__name__, __path__, "SPEC", StoreError)


def steps() -> tuple[str, ...]:
    """Return the names of all steps, sorted."""
    return tuple(sorted(name.removesuffix("_") for name in _SPECS.names()))


def get(step: str) -> type[StepSpec]:
    """Return the specification of a step."""
    return _SPECS.get(f"{step}_" if keyword.iskeyword(step) else step)


def parse(values: Mapping[str, Any]) -> StepSpec:
    """Return the specification of a canonical form.

    Raises:
        StoreError: this version of Layover cannot read the canonical form.
    """
    return get(str(values.get("node"))).parse(values)


__all__ = [
    "EncoderSpec",
    "HeadOutputs",
    "Hyperparameters",
    "Learned",
    "ModuleStep",
    "OnEncoder",
    "Plugins",
    "Sampling",
    "Start",
    "StepSpec",
    "TokenizerSpec",
    "get",
    "kind_and_head",
    "parse",
    "plugin_names_in",
    "steps",
]
