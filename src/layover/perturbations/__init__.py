"""Perturbations: seeded changes of test texts in any script. One file per perturbation, found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layover import plugins
from layover.errors import LayoverError, nearest
from layover.perturbations._base import PERCENTS, Perturbation, TextWords, WordChange
from layover.perturbations._perturber import Perturber
from layover.registry import Registry, subclass_of
from layover.stable_random import StableRandom

_PERTURBATIONS: Registry[type[Perturbation]] = Registry(
    __name__, __path__, "PERTURBATION", LayoverError, group=plugins.PERTURBATIONS, fits=subclass_of(Perturbation)
)
names, get = _PERTURBATIONS.names, _PERTURBATIONS.get


def labels() -> tuple[str, ...]:
    """Return all perturbations with all rates, as recipes write them: `case-5`, `case-10` ..."""
    return tuple(f"{name}-{percent}" for name in names() for percent in PERCENTS)


def of(label: str) -> Perturbation:
    """Return the perturbation of a label, `typos-10`.

    Raises:
        LayoverError: the name or the rate is unknown; the message has the nearest label.
    """
    if label not in labels():
        raise LayoverError(f"{label!r} is no perturbation; {nearest(label, labels())}")
    name, _, percent = label.rpartition("-")
    return get(name)(percent=int(percent))


def parse(values: Mapping[str, Any]) -> Perturbation:
    """Return the perturbation of a canonical form: its name, its version and its settings.

    Raises:
        ValueError: this version of Layover has another version of the perturbation.
    """
    cls = get(values["name"])
    if values["version"] != cls.version:
        raise ValueError(f"version {values['version']} of {cls.name} was used, and this is version {cls.version}")
    return cls.parse({name: value for name, value in values.items() if name not in ("name", "version")})


__all__ = [
    "PERCENTS",
    "Perturbation",
    "Perturber",
    "StableRandom",
    "TextWords",
    "WordChange",
    "get",
    "labels",
    "names",
    "of",
    "parse",
]
