"""Compositions: the ways in which intermediates take part in the target stage. One file each, found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layover import plugins
from layover.compositions._base import (
    INTERMEDIATE,
    LANGUAGE,
    MIX,
    TARGET,
    AttachedModule,
    Attachment,
    Composition,
    Fold,
    GateTraining,
    Mix,
    Trained,
    finished,
)
from layover.compositions._words import CardWords, SentenceWords, a
from layover.errors import ModelError
from layover.registry import Registry, subclass_of

_COMPOSITIONS: Registry[type[Composition]] = Registry(
    __name__, __path__, "COMPOSITION", ModelError, group=plugins.COMPOSITIONS, fits=subclass_of(Composition)
)
names, get, usable = _COMPOSITIONS.names, _COMPOSITIONS.get, _COMPOSITIONS.usable


def parse(form: str | Mapping[str, Any]) -> Composition:
    """Return the composition of a canonical form: a name, or a name with settings.

    Raises:
        ModelError: no composition has this name.
        ValueError: a setting is unknown, or the form is not a composition.
    """
    if not isinstance(form, (str, Mapping)):
        raise ValueError(f"{form!r:.100} is not a composition")  # noqa: TRY004  the canonical form is not readable
    values = {"name": form} if isinstance(form, str) else dict(form)
    return get(str(values.pop("name", ""))).parse(values)


__all__ = [
    "INTERMEDIATE",
    "LANGUAGE",
    "MIX",
    "TARGET",
    "AttachedModule",
    "Attachment",
    "CardWords",
    "Composition",
    "Fold",
    "GateTraining",
    "Mix",
    "SentenceWords",
    "Trained",
    "a",
    "finished",
    "get",
    "names",
    "parse",
    "usable",
]
