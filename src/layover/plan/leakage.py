"""What a training has already seen of what a target is trained or scored on; said with the plan."""

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
    """Return what a reader of the table must know about (intermediate, target) pairs.

    Equal training data are found by their content, shared test data where a task declares them (`Task.shares`).
    """
    found: dict[str, None] = {}

    @cache
    def contents(name: str) -> frozenset[str]:
        return rules.contents(rules.train(recipe.tasks[name]).location)

    for intermediate, target in sorted(set(pairs)):
        task = recipe.tasks[target]
        trained = [task] if target in trained_targets else []
        for name in recipe.learned(intermediate):
            members = recipe.members(name)
            found |= dict.fromkeys(_seen_elsewhere(recipe, rules, name, task, trained=bool(trained)))
            for member in members:
                if target in trained_targets and contents(target) & contents(member):
                    twice = "trains on the same data twice; a gain here is not another task's"
                    found[f"{target} after {name}{f' ({member})' if member != name else ''}: {twice}"] = None
                trained.append(recipe.tasks[member])
            for first, second in itertools.combinations(members, 2):
                one_kind = recipe.tasks[first].kind == recipe.tasks[second].kind
                if one_kind and contents(first) & contents(second):
                    found[f"{name}: {first} and {second} have training examples in common, which count twice"] = None
        for one in trained:
            found |= dict.fromkeys(_seen(rules, one, task))
    return list(found)


def _seen(rules: DataRules, trained: Task, target: Task) -> list[str]:
    """Return in which data of a trained task, or of its parts, there are texts that a target is scored on."""
    owner = rules.owner(trained)
    if rules.leaves_out(owner, target.name):
        return []
    used = [("train", rules.train(trained))]
    development = rules.development(trained)
    if development is not None:
        used.append(("validation", development))
    found = []
    for name in (owner.name, *(part.name for part in owner.parts)):
        # of a file that the recipe names itself, and of a hold-out, nothing is known
        official = [split for split, one in used if one.split == split and one.count and one.subset.part != "held"]
        if splits := [split for split in target.shares.get(name, ()) if split in official]:
            where = f"{' and '.join(splits)} data of {name}"
            leave = f"tasks.{owner.name}.without: [{target.name}] leaves them out"
            found.append(f"{target.name}: texts it is scored on are in the {where}; {leave}")
    return found


def _seen_elsewhere(recipe: Recipe, rules: DataRules, name: str, target: Task, *, trained: bool) -> list[str]:
    """Return what an imported module has seen of a target, by the names of tasks alone: its data are not here."""
    found, known = [], {**dict.fromkeys(tasks.names()), **recipe.tasks}
    for of in recipe.imported[name].tasks if name in recipe.imported else ():
        if of not in known:
            continue  # by its card, a task of someone else's own
        task = known[of] or tasks.get(of)
        owner = known.get(task.train_task or of) or tasks.get(task.train_task or of)
        if trained and owner.name == rules.owner(target).name:
            found.append(f"{target.name} after {name}: it was trained on {owner.name}, as the target is")
        for part in (owner.name, *(part.name for part in owner.parts)):
            if splits := target.shares.get(part, ()):
                where = f"the {' and '.join(splits)} data of {part}, which {name} may have seen"
                found.append(f"{target.name} after {name}: texts it is scored on are in {where}")
    return found
