"""Checks of mixtures and imported modules, which are intermediates in addition to tasks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from layover import tasks
from layover.errors import Problem, nearest
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.learned import ImportedModule, Mixture
from layover.recipe.schema import NO_INTERMEDIATE, Document
from layover.tasks import Task


def check_mixtures(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the problems of mixtures: names, tasks, settings that do not fit together."""
    problems = []
    for name, mixture in document.mixtures.items():
        loc: Loc = ("mixtures", name)
        if taken := _taken(name, known):
            problems.append(source.problem(loc, f"{taken}; rename the mixture"))
        problems += _tasks(loc, mixture, document, known, source) + _settings(loc, mixture, source)
    for index, name in enumerate(document.sweep.target):
        if name in document.mixtures:
            message = f"{name} is a mixture, and a target must be a task; use the mixture as an intermediate"
            problems.append(source.problem(("sweep", "target", index), message))
    return problems


def _tasks(loc: Loc, mixture: Mixture, document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    problems = []
    if len(mixture.tasks) < 2:
        message = "a mixture needs at least two tasks; write a single task under sweep.intermediate"
        problems.append(source.problem((*loc, "tasks"), message))
    for index, name in enumerate(mixture.tasks):
        task, message = known.get(name), ""
        if name in mixture.tasks[:index]:
            message = f"{name!r} appears twice; remove one"
        elif name in document.mixtures:
            message = f"{name} is a mixture; name its tasks"
        elif task is not None and "intermediate" not in task.stages:
            message = f"{name} cannot be an intermediate: it is declared for {', '.join(task.stages)}"
        if message:
            problems.append(source.problem((*loc, "tasks", index), message))
    return problems


def _settings(loc: Loc, mixture: Mixture, source: RecipeFile) -> list[Problem]:
    problems = []
    tempered = mixture.sampling == "temperature"
    if tempered and mixture.temperature is None:
        problems.append(source.problem((*loc, "sampling"), "needs a temperature; write temperature: 2"))
    if mixture.temperature is not None and not tempered:
        message = f"has no effect with {mixture.sampling} sampling; remove it, or set sampling: temperature"
        problems.append(source.problem((*loc, "temperature"), message))
    for name in mixture.weights:
        if name not in mixture.tasks:
            message = f"{name!r} is not a task of the mixture; {nearest(name, mixture.tasks)}"
            problems.append(source.problem((*loc, "weights", name), message))
    return problems


def check_modules(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the problems of imported modules; their folders must exist, their files are not read."""
    problems = []
    used = document.sweep.learned()
    for name, module in document.modules.items():
        loc: Loc = ("modules", name)
        mixture = f"{name!r} is the name of a mixture" if name in document.mixtures else ""
        if taken := _taken(name, known) or mixture:
            problems.append(source.problem(loc, f"{taken}; rename the module"))
        if name in used and (missing := _missing(module, source)):
            problems.append(source.problem((*loc, "path"), missing))
    for index, name in enumerate(document.sweep.target):
        if name in document.modules:
            message = f"{name} is an imported module, and a target must be a task; use the module as an intermediate"
            problems.append(source.problem(("sweep", "target", index), message))
    for mixture, its in document.mixtures.items():
        for index, name in enumerate(its.tasks):
            if name in document.modules:
                message = f"{name} is an imported module, which is already trained; a mixture names tasks"
                problems.append(source.problem(("mixtures", mixture, "tasks", index), message))
    return problems


def _taken(name: str, known: Collection[str]) -> str:
    """Return the other meaning of a name on the axis of intermediates, or an empty text."""
    if name == NO_INTERMEDIATE:
        return f"{name!r} means no intermediate"
    return f"{name!r} is the name of a task" if name in known or name in tasks.names() else ""


def folder_of(module: ImportedModule, source: RecipeFile) -> Path | None:
    """Return the folder of an imported module, or None for the hub; relative paths start at the recipe's folder."""
    return None if module.path is None else Path(source.name).parent / module.path


def _missing(module: ImportedModule, source: RecipeFile) -> str:
    """Return a message if the folder of a module is absent; empty if it exists, or if the module is on the hub."""
    folder = folder_of(module, source)
    try:
        if folder is None or folder.is_dir():
            return ""
        exists = folder.exists()
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    if exists:
        return f"{folder} is a file; name the folder with config and weights"
    folders = [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] if folder.parent.is_dir() else []
    return f"no such folder: {folder.absolute()}; {nearest(folder.name, folders)}"
