"""Labels that no task declares: read from the training data when a plan is made."""

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
    """Return the recipe with the labels of tasks that take them from their training data, and the problems.

    Labels come from the whole file, before any limit or hold-out: so a smaller limit changes no head. A task without
    training data stays as it is; the planner reports all data that are missing.

    Args:
        recipe: A checked recipe.
        rules: The data rules of this recipe.
        hash_file: SHA-256 of a file.
        memory: Labels by the identity of the data: a large file is read once, not for every plan.
    """
    swept = [recipe.tasks[name] for name in recipe.document.swept()]
    labelled_tasks: dict[str, Task] = {}
    problems: list[Problem] = []
    for task in swept:
        if not task.labels_from_training or task.name in labelled_tasks:
            continue
        try:
            training = rules.train(task)
        except LayoverError:
            continue  # the planner locates the same data, and reports them with all that are missing
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
        # a task that trains on the data of another task has its labels
        for unlabelled in (task, training.task):
            labelled_task = unlabelled.model_copy(update={"labels": tuple(memory.get(key))})
            labelled_tasks[unlabelled.name] = labelled_task
            problems += _unreadable(labelled_task, recipe)
    labelled = recipe.model_copy(update={"tasks": {**recipe.tasks, **labelled_tasks}})
    # two tasks may share data that cannot be read
    return labelled, list(dict.fromkeys([*problems, *check_found_labels(labelled)]))


def _unreadable(task: Task, recipe: Recipe) -> list[Problem]:
    """Return the problem of tags that cannot be read as spans, if a metric needs spans."""
    try:
        task.tags()
    except LayoverError as error:
        return [recipe.source.problem(recipe.place_of(task.name), str(error))]
    return []
