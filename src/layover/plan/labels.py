"""Labels that no task declares: those of its training data, found when a plan is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from layover.errors import DataError, LayoverError, Problem
from layover.identity import key_of
from layover.plan.data import DataRules
from layover.recipe import Recipe
from layover.recipe.class_weight_checks import check_found_labels
from layover.specs.tokenize import TokenizeSpec
from layover.store import Memory
from layover.tasks import Task


def with_labels(
    recipe: Recipe, rules: DataRules, hash_file: Callable[[Path], str], memory: Memory
) -> tuple[Recipe, list[Problem]]:
    """Return the recipe with the labels of every task that takes them from its training data, and what is wrong there.

    They are those of the whole file, whatever limit or hold-out leaves of it: so a smaller limit changes no head. A
    task whose training data are not found stays as it is, for the planner says all that is missing.

    Args:
        recipe: A checked recipe.
        rules: Of this recipe.
        hash_file: SHA-256 of a file.
        memory: Labels by the identity of the data: a large file is read once, not for every plan.
    """
    swept = [recipe.tasks[name] for name in recipe.document.swept()]
    found: dict[str, Task] = {}
    problems: list[Problem] = []
    for task in swept:
        if not task.labels_from_training or task.name in found:
            continue
        try:
            training = rules.train(task)
        except LayoverError:
            continue  # the planner asks for the same data, and tells it with everything else that is missing
        data = training.location.identity(hash_file)
        key = key_of({"version": TokenizeSpec.version, "data": data})
        if memory.get(key) is None:
            try:
                labels = list(training.task.labels_in(training.location))
                if training.location.identity(hash_file) != data:
                    raise DataError(f"{training.location.describe()}: it changes while it is read; run again")
                memory.put(key, labels)
            except LayoverError as error:
                problems.append(recipe.source.problem(recipe.place_of(training.task.name), str(error)))
                continue
        # a task that trains on another's data has its labels
        for one in (task, training.task):
            found[one.name] = one.model_copy(update={"labels": tuple(memory.get(key))})
            problems += _unreadable(found[one.name], recipe)
    labelled = recipe.model_copy(update={"tasks": {**recipe.tasks, **found}})
    # two tasks may share the data that cannot be read
    return labelled, list(dict.fromkeys([*problems, *check_found_labels(labelled)]))


def _unreadable(task: Task, recipe: Recipe) -> list[Problem]:
    """Return why the tags that were found cannot be read as spans, if a metric asks for it."""
    try:
        task.tags()
    except LayoverError as error:
        return [recipe.source.problem(recipe.place_of(task.name), str(error))]
    return []
