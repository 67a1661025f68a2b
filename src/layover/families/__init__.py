"""Families of encoders: the facts about an architecture. There is one file per family, found by its name.

A family names its types of encoders (`model_type` of a transformers config); no other list names them.
Nothing here imports torch.
"""

from __future__ import annotations

from functools import cache

from layover.errors import ModelError, nearest
from layover.families._base import Family
from layover.registry import Registry

_FAMILIES: Registry[Family] = Registry(__name__, __path__, "FAMILY", ModelError)
names, get = _FAMILIES.names, _FAMILIES.get


@cache
def model_types() -> dict[str, Family]:
    """Return `model_type` of a transformers config -> its family, sorted."""
    families = {model_type: get(name) for name in names() for model_type in get(name).transformers}
    return dict(sorted(families.items()))


def family_of(model_type: str) -> Family:
    """Return the family of a model type.

    Raises:
        ModelError: modules cannot attach to this type of encoder.
    """
    families = model_types()
    if model_type not in families:
        raise ModelError(
            f"unsupported encoder type {model_type!r} (supported: {', '.join(families)}); "
            f"{nearest(model_type, families)}"
        )
    return families[model_type]


__all__ = ["Family", "family_of", "get", "model_types", "names"]
