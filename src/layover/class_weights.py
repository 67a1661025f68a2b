"""What each gold label counts in a loss: how a recipe writes it, and how it stands in a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from layover.settings import Factor

BALANCED: Literal["balanced"] = "balanced"
"""The more examples a label has, the less each of them counts, so that all labels count alike together."""


def _label(key: object) -> object:
    """Return a label as text: in YAML `0` is a number and `true` a boolean."""
    return json.dumps(key) if isinstance(key, bool | int | float) else key


def _by_label(value: object) -> object:
    return {_label(key): factor for key, factor in value.items()} if isinstance(value, dict) else value


ClassWeights = Literal["balanced"] | Mapping[str, float]
"""`balanced`, or label -> factor on the loss; a label that is not named counts once."""

Written = Annotated[
    Literal["balanced"] | Annotated[dict[str, Factor], Field(min_length=1)],
    BeforeValidator(_by_label),
]
"""As a recipe writes it."""


def canonical(written: ClassWeights | None) -> ClassWeights | None:
    """Return class weights without what changes nothing: a label that counts once; None where nothing is left."""
    if written is None or isinstance(written, str):
        return written
    return {label: float(factor) for label, factor in sorted(written.items()) if factor != 1} or None


def by_label(how: ClassWeights, counts: Mapping[str, int]) -> dict[str, float]:
    """Return what each label counts.

    Args:
        how: As the recipe says.
        counts: Label -> how often it is gold in the training data that are used, of every label of the task.

    Returns:
        Label -> factor on the loss of what has it as gold. `balanced`: n / (k * count), of n examples with k different
        labels, as scikit-learn's `compute_class_weight`; 1 for a label that no example has, where it does nothing.
    """
    if not isinstance(how, str):
        return {label: float(how.get(label, 1.0)) for label in counts}
    total, different = sum(counts.values()), sum(count > 0 for count in counts.values())
    return {label: total / (different * count) if count else 1.0 for label, count in counts.items()}
