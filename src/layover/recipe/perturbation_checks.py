"""Checks of the perturbed test sets of a recipe: their names, and the kinds of tasks that have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from layover import kinds, perturbations
from layover.errors import LayoverError, Problem
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.schema import Document, TaskSettings
from layover.tasks import Task


def check_perturbations(document: Document, known: Mapping[str, Task], source: RecipeFile) -> list[Problem]:
    """Return unknown perturbations, and targets whose kind has no perturbed test sets."""
    problems = [
        source.problem((*loc, place), message)
        for loc, labels in _lists(document)
        for place, message in _unknown(labels)
    ]
    for name in document.sweep.target:
        task = known.get(name)
        own = document.tasks.get(name, TaskSettings()).eval.perturb
        labels = document.eval.perturb if own is None else own
        if task is None or not labels or task.of_kind.perturbed:
            continue
        fitting = ", ".join(kind for kind in kinds.usable() if kinds.get(kind).perturbed)
        where: Loc = ("eval", "perturb") if own is None else ("tasks", name, "eval", "perturb")
        message = (
            f"{name} is a task of {task.kind}, whose test sets are not perturbed (only those of {fitting}); "
            f"write tasks.{name}.eval.perturb: []"
        )
        problems.append(source.problem(where, message))
    return problems + list(_unattacked(document, known, source))


def _unattacked(document: Document, known: Mapping[str, Task], source: RecipeFile) -> Iterator[Problem]:
    """Yield the targets whose kind has no attacks."""
    for name in document.sweep.target:
        task, own = known.get(name), document.tasks.get(name, TaskSettings()).eval.attack
        labels = document.eval.attack if own is None else own
        if task is None or not labels:
            continue
        why = ""
        if not task.of_kind.trained or task.of_kind.changes_tokens:
            why = f"is a task of {task.kind}, which has no loss of a gold answer to attack"
        elif task.merged:
            why = "has other labels than the head that answers it, so its gold has no loss to attack"
        if why:
            where: Loc = ("eval", "attack") if own is None else ("tasks", name, "eval", "attack")
            yield source.problem(where, f"{name} {why}; write tasks.{name}.eval.attack: []")


def _lists(document: Document) -> Iterator[tuple[Loc, Sequence[str]]]:
    """Yield the lists of perturbations of a recipe, each with its path."""
    yield ("eval", "perturb"), document.eval.perturb
    for name, settings in document.tasks.items():
        yield ("tasks", name, "eval", "perturb"), settings.eval.perturb or ()


def _unknown(labels: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the place of each unknown perturbation, and a message with the nearest one."""
    for place, label in enumerate(labels):
        try:
            perturbations.of(label)
        except LayoverError as error:
            yield place, str(error)
