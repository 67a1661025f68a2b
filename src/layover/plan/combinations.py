"""The combinations of a sweep: the product of its axes, without excluded and meaningless combinations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from layover import kinds
from layover.errors import ModelError, Problem, RecipeError
from layover.plan import heads
from layover.plan.nodes import Combination
from layover.recipe import AXES, Recipe


def combinations(recipe: Recipe, notes: list[str]) -> list[Combination]:
    """Return the combinations of a recipe; `notes` gets a line for combinations that are dropped without `exclude`.

    Raises:
        RecipeError: no combination is left, or a composition names other intermediates.
    """
    sweep = recipe.document.sweep
    rules = [_as_sets(rule) for rule in sweep.exclude]
    left: list[Combination] = []
    for values in itertools.product(*(sweep.values(axis) for axis in AXES)):
        named = dict(zip(AXES, values, strict=True))
        if not any(all(named[axis] in excluded for axis, excluded in rule.items()) for rule in rules):
            left.append(Combination(*values))
    kept = sifted(recipe, left, lambda combination: _meaningless(recipe, combination), notes)
    problems = _misnamed(recipe, kept)
    if problems:
        raise RecipeError(problems)
    return kept


def sifted(
    recipe: Recipe, combinations: Iterable[Combination], refused: Callable[[Combination], str], notes: list[str]
) -> list[Combination]:
    """Return the combinations that are not refused; `notes` gets a line for each reason of a refusal.

    Args:
        recipe: A checked recipe.
        combinations: Combinations of its sweep.
        refused: Returns why a combination has no meaning, or an empty text.
        notes: Lines for display.

    Raises:
        RecipeError: no combination is left.
    """
    kept, left_out = [], dict[str, list[Combination]]()
    for combination in combinations:
        reason = refused(combination)
        if reason:
            left_out.setdefault(reason, []).append(combination)
        else:
            kept.append(combination)
    for reason, some in left_out.items():
        methods = ", ".join(sorted({combination.method for combination in some}))
        notes.append(f"{methods}: {len(some)} cells left out: {reason}")
    if not kept:
        why = "; ".join(left_out) or "exclude removes every combination"
        raise RecipeError([recipe.source.problem(("sweep",), f"no cell is left: {why}")])
    return kept


def trained_targets(recipe: Recipe, combinations: Iterable[Combination]) -> frozenset[str]:
    """Return the targets that some cell trains; the others are prediction-only, or nothing is trained on top."""
    return frozenset(
        target
        for _, method, intermediate, target, _ in combinations
        if kinds.get(recipe.tasks[target].kind).trained
        and (not recipe.learned(intermediate) or recipe.methods[method].composition.trains() != "none")
    )


def _misnamed(recipe: Recipe, combinations: Iterable[Combination]) -> list[Problem]:
    """Return the problems of compositions whose settings do not fit their intermediates."""
    problems: dict[str, Problem] = {}
    for _, method, intermediate, _, _ in combinations:
        names = recipe.learned(intermediate)
        try:
            if names:
                recipe.methods[method].composition.for_intermediates(names)
        except ModelError as error:
            problems.setdefault(
                method, recipe.source.problem(("methods", method, "compose"), f"{intermediate}: {error}")
            )
    return list(problems.values())


def _meaningless(recipe: Recipe, combination: Combination) -> str:
    """Return why a combination has no meaning, or an empty text."""
    _, method, intermediate, target, _ = combination
    resolved, task = recipe.methods[method], recipe.tasks[target]
    composition, names = resolved.composition, recipe.learned(intermediate)
    trained = kinds.get(task.kind).trained
    if not names:
        headless = trained and composition.trains() == "none"
        return "nothing is trained, and without an intermediate there is no head" if headless else ""
    if trained and composition.trains() == "none" and heads.first_with(recipe, names, task) is None:
        without = [name for name in names if name in recipe.imported and recipe.imported[name].head is None]
        more = f" ({', '.join(without)}: imported without a head)" if without else ""
        return f"nothing is trained on top, and no head of the intermediates has the outputs of {target}{more}"
    if not resolved.module.trains_encoder:
        return "the method trains no part of the encoder, so an intermediate changes nothing"
    if len(names) > 1 and not composition.takes_several:
        return f"{composition.name} takes one intermediate, but these are several that were learned separately"
    if not trained and composition.needs_training():
        return f"{composition.name} is learned together with its target, but {target} is not trained"
    return ""


def _as_sets(rule: Mapping[str, Any]) -> dict[str, set[Any]]:
    return {axis: set(value) if isinstance(value, list) else {value} for axis, value in rule.items()}
