"""Checks of `augment`: tasks whose training examples cannot be copied, and mistakes in files of synonyms."""

from __future__ import annotations

from pathlib import Path

from layover import kinds
from layover.data.synonyms import SynonymsError, read_synonyms
from layover.errors import Problem
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.schema import Document
from layover.tasks import Task


def check_augment(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the problems of `augment` in tasks; each mistake in a file is one problem, with `file:line`."""
    problems: list[Problem] = []
    names = trained(document, known)
    for name, settings in document.tasks.items():
        task, loc = known.get(name), ("tasks", name, "augment")
        if task is None or settings.augment is None or task.of_kind.sides:  # `check_retrieval` reports untrained tasks
            continue
        if not task.of_kind.substitutes:
            fitting = ", ".join(kind for kind in kinds.names() if kinds.get(kind).substitutes)
            message = f"{name} is a task of {task.kind}, whose words no synonym can replace; kinds that can: {fitting}"
            problems.append(source.problem(loc, message))
        elif name not in names:
            message = f"no training uses {name}, so this has no effect; remove it, or train on {name}"
            problems.append(source.problem(loc, message))
        problems += _in_file(document, settings.augment.synonyms, (*loc, "synonyms"), source)
    return problems


def trained(document: Document, known: dict[str, Task]) -> set[str]:
    """Return the tasks that the sweep trains on, and the tasks whose training data they use."""
    swept = [known[name] for name in document.swept() if name in known]
    return {name for task in swept for name in (task.name, task.train_task) if name is not None}


def _in_file(document: Document, path: str, loc: Loc, source: RecipeFile) -> list[Problem]:
    """Return the mistakes of a file of synonyms."""
    try:
        read_synonyms(Path(document.data_root or "") / path)
    except SynonymsError as error:
        return [source.problem(loc, mistake) for mistake in error.mistakes]
    return []
