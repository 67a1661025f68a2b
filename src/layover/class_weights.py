"""Class weights of a loss: how a recipe writes them, and their form in a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from layover.settings import Factor

BALANCED: Literal["balanced"] = "balanced"
"""Weights inversely proportional to the frequency of a label, so that every label has the same total weight."""


def _label(key: object) -> object:
    """Return a label as text: in YAML `0` is a number and `true` a boolean."""
    return json.dumps(key) if isinstance(key, bool | int | float) else key


def _by_label(value: object) -> object:
    return {_label(key): factor for key, factor in value.items()} if isinstance(value, dict) else value


ClassWeights = Literal["balanced"] | Mapping[str, float]
"""`balanced`, or label -> factor on the loss; a label that is not named has the factor 1."""

Written = Annotated[
    Literal["balanced"] | Annotated[dict[str, Factor], Field(min_length=1)],
    BeforeValidator(_by_label),
]
"""The form in a recipe."""


def canonical(written: ClassWeights | None) -> ClassWeights | None:
    """Return class weights without the labels of factor 1, which change nothing; None if no label is left."""
    if written is None or isinstance(written, str):
        return written
    return {label: float(factor) for label, factor in sorted(written.items()) if factor != 1} or None


def by_label(how: ClassWeights, counts: Mapping[str, int]) -> dict[str, float]:
    """Return the factor of each label.

    Args:
        how: Class weights of the recipe.
        counts: Label -> number of its examples in the training data in use, for every label of the task.

    Returns:
        Label -> factor on the loss of its examples. `balanced`: n / (k * count) for n examples with k different labels,
        as scikit-learn's `compute_class_weight`; 1 for a label without examples, where it has no effect.
    """
    if not isinstance(how, str):
        return {label: float(how.get(label, 1.0)) for label in counts}
    total, different = sum(counts.values()), sum(count > 0 for count in counts.values())
    return {label: total / (different * count) if count else 1.0 for label, count in counts.items()}
