"""Checks of class weights: weights that no training uses, and labels that no task has."""

from __future__ import annotations

from collections.abc import Iterable

from layover import kinds
from layover.errors import Problem, first_few, nearest
from layover.recipe.file import RecipeFile
from layover.recipe.resolved import Recipe
from layover.recipe.schema import Document, TaskSettings
from layover.tasks import Task

FIELD = "class_weights"


def check_class_weights(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the problems of `class_weights` in tasks and in `train`, as far as labels are declared."""
    problems, trained = [], _trained(document, known)
    for name, settings in document.tasks.items():
        task = known.get(name)
        if task is None or settings.class_weights is None:
            continue
        if not kinds.get(task.kind).classes:
            message = (
                f"{name} is a task of {task.kind}, which has no classes to weigh; tasks of {_kinds()} have classes"
            )
            problems.append(source.problem(("tasks", name, FIELD), message))
        elif name not in trained:
            message = f"no training uses {name}, so these weights have no effect; remove them, or train on {name}"
            problems.append(source.problem(("tasks", name, FIELD), message))
    if document.train.class_weights is not None and not any(kinds.get(task.kind).classes for task in trained.values()):
        message = f"no trained task has classes to weigh; tasks of {_kinds()} have classes"
        problems.append(source.problem(("train", FIELD), message))
    return problems + unknown_labels(document, known, source)


def check_found_labels(recipe: Recipe) -> list[Problem]:
    """Return the labels of class weights that no task has, once the labels of the training data are known."""
    return unknown_labels(recipe.document, recipe.tasks, recipe.source)


def unknown_labels(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the labels of class weights that a task does not have; a task with unknown labels has no problem."""
    problems = []
    for name, settings in document.tasks.items():
        task, weights = known.get(name), settings.class_weights
        if task is not None and isinstance(weights, dict) and kinds.get(task.kind).classes:
            for label in _absent(weights, task):
                message = f"{label!r} is not a label of {name}; {nearest(label, task.labels)}"
                problems.append(source.problem(("tasks", name, FIELD, label), message))
    shared, weighted = document.train.class_weights, list(_weighted_by_train(document, known))
    for label in shared if isinstance(shared, dict) else ():
        lacking = [task for task in weighted if label in _absent([label], task)]
        if lacking:
            near = nearest(label, lacking[0].labels)
            own = f"set the weights of that task alone with tasks.{lacking[0].name}.{FIELD}"
            message = f"{label!r} is not a label of {first_few([task.name for task in lacking])}; {near}; or {own}"
            problems.append(source.problem(("train", FIELD, label), message))
    return problems


def _absent(weights: Iterable[str], task: Task) -> list[str]:
    """Return the labels that a task does not have; none if its labels are unknown."""
    return [label for label in weights if label not in task.labels] if task.labels else []


def _trained(document: Document, known: dict[str, Task]) -> dict[str, Task]:
    """Return the tasks that the sweep trains on, and the tasks whose training data they use."""
    swept = [known[name] for name in document.swept() if name in known]
    names = dict.fromkeys(name for task in swept for name in (task.name, task.train_task) if name is not None)
    return {name: known[name] for name in names if name in known}


def _weighted_by_train(document: Document, known: dict[str, Task]) -> Iterable[Task]:
    """Yield the tasks that train with the weights of `train`: they have classes, and set no weights of their own."""
    for name in document.swept():
        task = known.get(name)
        if task is None or not kinds.get(task.kind).classes:
            continue
        chain = [document.tasks.get(other, TaskSettings()) for other in (name, task.train_task) if other is not None]
        if not any(FIELD in settings.model_fields_set for settings in chain):
            yield task


def _kinds() -> str:
    return " and ".join(name for name in kinds.names() if kinds.get(name).classes)
