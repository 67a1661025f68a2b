"""The heads of trainings: where a target's starts, and which tasks of a mixture share one."""

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
    """Return whether the outputs of two heads mean the same, so that one can go on where the other ended."""
    return before.kind == task.kind and kinds.get(task.kind).same_outputs(before.labels, task.labels)


def first_with(recipe: Recipe, names: Sequence[str], task: Task) -> tuple[str, Task | ImportedHead] | None:
    """Return the first intermediate whose outputs are a task's, and which of its tasks has them; None without one."""
    for name in names:
        imported = recipe.imported[name].head if name in recipe.imported else None
        heads = [recipe.tasks[member] for member in recipe.members(name)] if imported is None else [imported]
        for head in heads:
            if same_head(head, task):
                return name, head
    return None


def notes(recipe: Recipe, combinations: Iterable[Combination]) -> list[str]:
    """Return for which pairs a method that continues heads cannot do so."""
    fresh: dict[str, dict[str, None]] = {}
    for _, method, intermediate, target, _ in combinations:
        task, names = recipe.tasks[target], recipe.learned(intermediate)
        if not names or not kinds.get(task.kind).trained:
            continue
        if recipe.methods[method].continues_head and first_with(recipe, names, task) is None:
            fresh.setdefault(method, {})[f"{target} after {intermediate}"] = None
    return [
        f"{method}: the head starts afresh where outputs differ: {', '.join(pairs)}" for method, pairs in fresh.items()
    ]


def ordered(tasks: Iterable[TaskSpec]) -> tuple[TaskSpec, ...]:
    """Return the tasks in the order of their canonical forms, with numbers of their heads."""
    heads: list[TaskSpec] = []
    numbered = []
    for task in sorted(tasks, key=lambda task: canonical(task.canonical())):
        same = (place for place, head in enumerate(heads) if same_head(head, task))
        place = next(same, len(heads))
        if place == len(heads):
            heads.append(task)
        numbered.append(replace(task, head=place))
    return tuple(numbered)
