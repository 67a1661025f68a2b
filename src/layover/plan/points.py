"""The points of a sweep: every combination of its axes, less what is excluded and what has no meaning."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from layover.errors import RecipeError
from layover.recipe import AXES, NO_INTERMEDIATE, Recipe

Point = tuple[str, str, str, str, int]
"""Model, method, intermediate, target, seed."""


def points(recipe: Recipe, notes: list[str]) -> list[Point]:
    """Return the points of a recipe; what is left out without being excluded is added to `notes`.

    Raises:
        RecipeError: nothing is left.
    """
    sweep = recipe.document.sweep
    rules = [_as_sets(rule) for rule in sweep.exclude]
    found: list[Point] = []
    for point in itertools.product(*(getattr(sweep, axis) for axis in AXES)):
        named = dict(zip(AXES, point, strict=True))
        if not any(all(named[axis] in values for axis, values in rule.items()) for rule in rules):
            found.append(point)
    carries = {name: method.module.trains_encoder for name, method in recipe.methods.items()}
    kept = [point for point in found if point[2] == NO_INTERMEDIATE or carries[point[1]]]
    if len(kept) < len(found):
        names = sorted({point[1] for point in found if point not in set(kept)})
        notes.append(
            f"{', '.join(names)}: {len(found) - len(kept)} cells left out: "
            "a method that trains no part of the encoder carries nothing over from an intermediate"
        )
    if not kept:
        problem = recipe.source.problem(("sweep",), "no cell is left: exclude leaves out every combination")
        raise RecipeError([problem])
    return kept


def _as_sets(rule: Mapping[str, Any]) -> dict[str, set[Any]]:
    return {axis: set(value) if isinstance(value, list) else {value} for axis, value in rule.items()}
