"""Checks of the imported modules of a recipe: their names, where they lie, and what they are used for."""

from __future__ import annotations

from pathlib import Path

from layover import tasks
from layover.errors import Problem, nearest
from layover.recipe.imported import ImportedModule
from layover.recipe.schema import NO_INTERMEDIATE, Document
from layover.recipe.source import Loc, Source
from layover.tasks import Task


def check_modules(document: Document, known: dict[str, Task], source: Source) -> list[Problem]:
    """Return what is wrong with imported modules; nothing is read of them here but that their folders are there."""
    problems = []
    used = document.sweep.learned()
    for name, module in document.modules.items():
        loc: Loc = ("modules", name)
        taken = ""
        if name == NO_INTERMEDIATE:
            taken = f"{name!r} means no intermediate"
        elif name in document.mixtures:
            taken = f"{name!r} is the name of a mixture"
        elif name in known or name in tasks.names():
            taken = f"{name!r} is the name of a task"
        if taken:
            problems.append(source.problem(loc, f"{taken}; call the module something else"))
        if name in used and (missing := _missing(module, source)):
            problems.append(source.problem((*loc, "path"), missing))
    for index, name in enumerate(document.sweep.target):
        if name in document.modules:
            message = f"{name} is an imported module, and these are intermediates; a target is one task"
            problems.append(source.problem(("sweep", "target", index), message))
    for mixture, its in document.mixtures.items():
        for index, name in enumerate(its.tasks):
            if name in document.modules:
                message = f"{name} is an imported module, which has learned already; a mixture has tasks"
                problems.append(source.problem(("mixtures", mixture, "tasks", index), message))
    return problems


def folder_of(module: ImportedModule, source: Source) -> Path | None:
    """Return the folder of an imported module, relative paths being relative to the recipe's; None for the hub's."""
    return None if module.path is None else Path(source.name).parent / module.path


def _missing(module: ImportedModule, source: Source) -> str:
    """Return that the folder of a module is not there; empty where it is, or where the hub has it."""
    folder = folder_of(module, source)
    try:
        if folder is None or folder.is_dir():
            return ""
        exists = folder.exists()
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    if exists:
        return f"{folder} is a file; name the folder that its config and weights lie in"
    beside = [one.name for one in folder.parent.iterdir() if one.is_dir()] if folder.parent.is_dir() else []
    return f"no such folder: {folder.absolute()}; {nearest(folder.name, beside)}"
