"""Notes of a plan about data of a target that an earlier training has already seen."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from functools import cache

from layover import tasks
from layover.plan.data import DataRules
from layover.recipe import Recipe
from layover.tasks import Task


def notes(
    recipe: Recipe, rules: DataRules, pairs: Iterable[tuple[str, str]], trained_targets: Collection[str]
) -> list[str]:
    """Return notes about shared data of (intermediate, target) pairs.

    Equal training data are detected by their content, shared test data by the task's declaration (`Task.shares`).
    """
    lines: dict[str, None] = {}

    @cache
    def contents(name: str) -> frozenset[str]:
        return rules.contents(rules.train(recipe.tasks[name]).location)

    for intermediate, target in sorted(set(pairs)):
        task = recipe.tasks[target]
        trained = [task] if target in trained_targets else []
        for name in recipe.learned(intermediate):
            members = recipe.members(name)
            lines |= dict.fromkeys(_seen_elsewhere(recipe, rules, name, task, trained=bool(trained)))
            for member in members:
                if target in trained_targets and contents(target) & contents(member):
                    twice = "both train on the same data; a gain here does not come from another task"
                    lines[f"{target} after {name}{f' ({member})' if member != name else ''}: {twice}"] = None
                trained.append(recipe.tasks[member])
            for first, second in itertools.combinations(members, 2):
                one_kind = recipe.tasks[first].kind == recipe.tasks[second].kind
                if one_kind and contents(first) & contents(second):
                    lines[f"{name}: {first} and {second} share training examples, which count twice"] = None
        for trained_task in trained:
            lines |= dict.fromkeys(_seen(rules, trained_task, task))
    return list(lines)


def _seen(rules: DataRules, trained: Task, target: Task) -> list[str]:
    """Return notes about data of a trained task, or of its parts, that contain scored texts of a target."""
    owner = rules.owner(trained)
    if rules.leaves_out(owner, target.name):
        return []
    used = [("train", rules.train(trained))]
    development = rules.development(trained)
    if development is not None:
        used.append(("validation", development))
    lines = []
    # the content of a hold-out, and of a file that the recipe names itself, is unknown
    official = [
        split for split, portion in used if portion.split == split and portion.count and portion.subset.part != "held"
    ]
    for name in (owner.name, *(part.name for part in owner.parts)):
        if splits := [split for split in target.shares.get(name, ()) if split in official]:
            where = f"{' and '.join(splits)} data of {name}"
            remedy = f"set tasks.{owner.name}.without: [{target.name}] to remove them"
            lines.append(f"{target.name}: scored texts are also in the {where}; {remedy}")
    return lines


def _seen_elsewhere(recipe: Recipe, rules: DataRules, name: str, target: Task, *, trained: bool) -> list[str]:
    """Return notes about data of a target that an imported module has seen, by names of tasks: its data are absent."""
    lines, known = [], {**dict.fromkeys(tasks.names()), **recipe.tasks}
    for task_name in recipe.imported[name].tasks if name in recipe.imported else ():
        if task_name not in known:
            continue  # its card names a task that Layover does not have
        task = known[task_name] or tasks.get(task_name)
        owner = known.get(task.train_task or task_name) or tasks.get(task.train_task or task_name)
        if trained and owner.name == rules.owner(target).name:
            lines.append(f"{target.name} after {name}: both are trained on {owner.name}")
        for part in (owner.name, *(part.name for part in owner.parts)):
            if splits := target.shares.get(part, ()):
                where = f"the {' and '.join(splits)} data of {part}, which {name} may have seen"
                lines.append(f"{target.name} after {name}: scored texts are also in {where}")
    return lines
