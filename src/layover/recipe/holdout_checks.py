"""Checks of hold-outs: where they are said, what they would make unused, whether they leave anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from layover.errors import Problem
from layover.recipe.data_language_checks import languages_of
from layover.recipe.data_languages import DataLanguages
from layover.recipe.schema import Document, TaskSettings
from layover.recipe.source import Loc, Source
from layover.tasks import Task


def check_holdouts(document: Document, known: Mapping[str, Task], source: Source) -> list[Problem]:
    """Return hold-outs that nothing would obey, that leave nothing, or beside which a validation file is not read."""
    problems, languages = [], languages_of(document, known)
    for name, settings in document.tasks.items():
        task, holdout = known.get(name), settings.holdout
        if task is None or holdout is None or task.of_kind.sides:
            continue
        loc: Loc = ("tasks", name, "holdout")
        if task.train_task is not None:
            message = f"{name} trains on {task.train_task}: hold out there, tasks.{task.train_task}.holdout"
            problems.append(source.problem(loc, message))
            continue
        language = languages.training(task)
        count = None if "train" in settings.files else task.count("train", language)
        if count is not None and holdout >= count:
            message = f"a hold-out of {holdout} takes all {count} training examples of {name}; hold out fewer"
            problems.append(source.problem(loc, message))
        problems += [source.problem(loc, message) for message in _unread(task, settings, language, languages)]
    return problems


def _unread(task: Task, settings: TaskSettings, language: str, languages: DataLanguages) -> Iterator[str]:
    """Yield why a validation file of the training language is not read."""
    named = settings.files.get("validation")
    by_language = isinstance(named, Mapping)
    there = tuple(named) if isinstance(named, Mapping) else task.languages_of("validation", languages.files(task))
    if named is not None and language in there:
        where = f"files.validation.{language}" if by_language else "files.validation"
        yield (
            f"takes the place of {where}, which would not be read; leave out one of them ({language} is the language "
            "of the training data)"
        )
