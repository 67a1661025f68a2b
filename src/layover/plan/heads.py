"""The heads of trainings: the head that a target starts from, and the tasks of a mixture that share a head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from layover import kinds
from layover.identity import canonical
from layover.plan.nodes import Combination
from layover.recipe import Recipe
from layover.recipe.learned import ImportedHead
from layover.specs.train import TaskSpec
from layover.tasks import Task


def same_head(before: Task | TaskSpec | ImportedHead, task: Task | TaskSpec) -> bool:
    """Return whether the outputs of two heads mean the same, so that a training can continue from the other head."""
    return before.kind == task.kind and kinds.get(task.kind).same_outputs(before.labels, task.labels)


def first_with(recipe: Recipe, names: Sequence[str], task: Task) -> tuple[str, Task | ImportedHead] | None:
    """Return the first intermediate with the outputs of a task, and its task that has them; None if absent."""
    for name in names:
        imported = recipe.imported[name].head if name in recipe.imported else None
        heads = [recipe.tasks[member] for member in recipe.members(name)] if imported is None else [imported]
        for head in heads:
            if same_head(head, task):
                return name, head
    return None


def notes(recipe: Recipe, combinations: Iterable[Combination]) -> list[str]:
    """Return a note for each method that continues heads: the pairs where it starts a new head."""
    fresh: dict[str, dict[str, None]] = {}
    for _, method, intermediate, target, _ in combinations:
        task, names = recipe.tasks[target], recipe.learned(intermediate)
        if not names or not kinds.get(task.kind).trained:
            continue
        if recipe.methods[method].continues_head and first_with(recipe, names, task) is None:
            fresh.setdefault(method, {})[f"{target} after {intermediate}"] = None
    return [
        f"{method}: the target gets a new head, because the outputs differ: {', '.join(pairs)}"
        for method, pairs in fresh.items()
    ]


def ordered(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    """Return the tasks in the order of their canonical forms, each with the number of its head."""
    heads: list[TaskSpec] = []
    numbered = []
    for task in sorted(tasks, key=lambda task: canonical(task.canonical())):
        same = (place for place, head in enumerate(heads) if same_head(head, task))
        place = next(same, len(heads))
        if place == len(heads):
            heads.append(task)
        numbered.append(replace(task, head=place))
    return tuple(numbered)
