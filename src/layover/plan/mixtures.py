"""Mixtures in a plan: one training of several tasks, with a head for all those whose outputs are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from layover import kinds
from layover.identity import canonical
from layover.recipe import Recipe
from layover.specs.train import TaskSpec


def ordered(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    """Return the tasks in the order of their canonical forms, with numbers of their heads."""
    heads: list[TaskSpec] = []
    numbered = []
    for task in sorted(tasks, key=lambda task: canonical(task.canonical())):
        same = (place for place, head in enumerate(heads) if _same_head(head, task))
        place = next(same, len(heads))
        if place == len(heads):
            heads.append(task)
        numbered.append(replace(task, head=place))
    return tuple(numbered)


def _same_head(one: TaskSpec, other: TaskSpec) -> bool:
    return one.kind == other.kind and kinds.get(one.kind).same_outputs(one.labels, other.labels)


def notes(recipe: Recipe) -> list[str]:
    """Return which settings of tasks do not count where they are learned in a mixture."""
    found = []
    for name in recipe.document.sweep.learned():
        if name not in recipe.document.mixtures:
            continue
        for task in recipe.members(name):
            settings = recipe.settings(task)
            found += _unselecting(recipe, name, task)
            given = (("epochs", settings.epochs), ("batch", settings.batch))
            found += [
                f"{name}: tasks.{task}.{field} does not count in a mixture; mixtures.{name}.{field} does"
                for field, value in given
                if value is not None
            ]
    return found


def _unselecting(recipe: Recipe, name: str, task: str) -> list[str]:
    """Return what of a task's `select` does not count in a mixture: when to evaluate is one for all its tasks."""
    select = recipe.settings(task).select
    given = [] if select is None else [field for field in ("every", "patience") if field in select.model_fields_set]
    there = recipe.document.train.select is not None
    instead = "train.select.{} does" if there else "the weights are scored after each epoch"
    return [
        f"{name}: tasks.{task}.select.{field} does not count in a mixture; {instead.format(field)}" for field in given
    ]
