"""Tasks of a recipe: built-in tasks, and tasks that the recipe declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from layover import tasks
from layover.errors import LayoverError, Problem, nearest
from layover.recipe.file import Loc, Located, RecipeFile
from layover.recipe.found_languages import TEMPLATE, found_languages, no_languages
from layover.recipe.schema import NO_INTERMEDIATE, Document, TaskSettings
from layover.recipe.validation import validate
from layover.tasks import OwnTask, Task


def resolve_tasks(document: Document, source: RecipeFile) -> tuple[dict[str, Task], list[Problem]]:
    """Return every valid task that a recipe names, by name, and the problems of the other tasks."""
    known: dict[str, Task] = {}
    problems: list[Problem] = []
    for name, settings in document.tasks.items():
        task, mistakes = _declared(name, settings, document, source)
        problems += mistakes
        if task is not None:
            known[name] = task
    # a task with a wrong declaration still has a valid name
    own, others = source.names("tasks") or (), [*(source.names("mixtures") or ()), *(source.names("modules") or ())]
    valid = (*tasks.names(), *own)
    for loc, name in _swept(document):
        if name in tasks.names():
            known.setdefault(name, tasks.get(name))
        elif name not in own and name not in others:  # other checks report misplaced mixtures and modules
            near = (*valid, *others) if loc[1] == "intermediate" else valid
            problems.append(source.problem(loc, f"unknown task {name!r}; {nearest(name, near)}"))
    for loc, other in _mentioned(document, known):
        if other in tasks.names():
            known.setdefault(other, tasks.get(other))
        elif other not in own:
            problems.append(source.problem(loc, f"unknown task {other!r}; {nearest(other, valid)}"))
    parts = {part.name: part for task in known.values() for part in task.sources}
    return {**parts, **known}, problems


def _swept(document: Document) -> list[tuple[Loc, str]]:
    """Return the names on the axes and in mixtures, with their paths."""
    sweep = document.sweep
    named: list[tuple[Loc, str]] = []
    for index, names in enumerate(sweep.intermediates().values()):
        loc: Loc = ("sweep", "intermediate", index)
        # `check_lists` reports a `none` inside a list
        learned = [(place, name) for place, name in enumerate(names) if name != NO_INTERMEDIATE]
        named += [((*loc, place) if len(names) > 1 else loc, name) for place, name in learned]
    named += [(("sweep", "target", index), name) for index, name in enumerate(sweep.target)]
    for mixture, its in document.mixtures.items():
        named += [(("mixtures", mixture, "tasks", index), name) for index, name in enumerate(its.tasks)]
    return named


def _mentioned(document: Document, known: dict[str, Task]) -> list[tuple[Loc, str]]:
    """Return the tasks that other tasks or modules name, with their paths.

    A task of `without` may train on another task, which is then in the result.
    """
    named: list[tuple[Loc, str]] = [
        (("tasks", name, "without", index), other)
        for name, settings in document.tasks.items()
        for index, other in enumerate(settings.without)
    ]
    named += [
        (("modules", name, "task"), module.task) for name, module in document.modules.items() if module.task is not None
    ]
    tasks_by_name = {**{other: tasks.get(other) for _, other in named if other in tasks.names()}, **known}
    owners = {name: task.train_task for name, task in tasks_by_name.items() if task.train_task is not None}
    for name, settings in document.tasks.items():  # also tasks with a wrong declaration
        owner = (settings.model_extra or {}).get("train_task")
        if isinstance(owner, str):
            owners.setdefault(name, owner)
    return named + [(("tasks", name, "train_task"), other) for name, other in owners.items()]


def _declared(
    name: str, settings: TaskSettings, document: Document, source: RecipeFile
) -> tuple[Task | None, list[Problem]]:
    loc: Loc = ("tasks", name)
    extra: dict[str, Any] = settings.model_extra or {}
    fields = tuple(TaskSettings.model_fields)
    if name in tasks.names():
        unknown = [key for key in extra if key not in fields]
        hint = "; the declaration of a built-in task is fixed"
        return tasks.get(name), [
            source.problem(
                (*loc, key),
                f"unknown key; {nearest(key, fields)}{hint if key in OwnTask.model_fields else ''}",
            )
            for key in unknown
        ]
    message = ""
    if name == NO_INTERMEDIATE:
        message = f"{NO_INTERMEDIATE!r} means no intermediate; rename the task"
    elif not name.strip() or not name.isprintable():
        message = "the name of a task appears in reports and on cards; write one line of printable characters"
    elif "kind" not in extra:
        message = f"unknown task; {nearest(name, tasks.names())} (a new task needs kind and files)"
    return (None, [source.problem(loc, message)]) if message else _own(name, settings, extra, document, source)


def _own(
    name: str, settings: TaskSettings, extra: dict[str, Any], document: Document, source: RecipeFile
) -> tuple[Task | None, list[Problem]]:
    """Return a task that the recipe declares, or all problems of its declaration."""
    loc: Loc = ("tasks", name)
    declaration, problems = validate(OwnTask, extra, source, loc, also=tuple(TaskSettings.model_fields))
    wrong = {problem.loc[2] for problem in problems if isinstance(problem, Located) and len(problem.loc) > 2}
    if declaration is None:
        declaration = _without(extra, wrong)
    if not settings.files and not {"files", "train_task"} & {*(source.names(*loc) or ())}:
        message = "a new task needs files: {train: ..., test: {sw: ...}}, or the train_task that has them"
        problems.append(source.problem(loc, message))
    if declaration is not None:
        mistakes = tasks.mistakes(declaration, _paths(settings), {str(field) for field in wrong})
        problems += [source.problem((*loc, *path), message) for path, message in mistakes]
    if declaration is not None and declaration.languages == "all" and "languages" not in wrong:
        languages, message = _languages(settings, document)
        problems += [source.problem((*loc, "languages"), message)] if message else []
        declaration = declaration.model_copy(update={"languages": languages})
    if declaration is None or problems:
        return None, problems
    try:
        return tasks.declare(name, declaration), []
    except LayoverError as error:
        return None, [source.problem(loc, str(error).removeprefix(f"{name}: "))]


def _without(extra: Mapping[str, Any], wrong: Collection[str | int]) -> OwnTask | None:
    """Return a declaration without its wrong fields, for further checks; None if the rest is not valid either."""
    kept = {key: value for key, value in extra.items() if key not in wrong}
    try:
        return OwnTask.model_validate({"kind": "", **kept})
    except ValidationError:
        return None


def _files(settings: TaskSettings) -> dict[str, tasks.Paths | dict[str, tasks.Paths]]:
    return {str(split): named for split, named in settings.files.items()}


def _languages(settings: TaskSettings, document: Document) -> tuple[tuple[str, ...], str]:
    """Return the languages of `languages: all`, and an error message or an empty text."""
    try:
        languages = found_languages(_files(settings), Path(document.data_root or ""))
    except LayoverError as error:
        return (), str(error)
    if not languages:
        return (), _none_found(settings, document)
    if others := no_languages(languages):
        codes = ", ".join(name for name in languages if name not in others) or "sw"
        existing = f"there are files of {', '.join(languages)}, and {', '.join(others)}"
        none = "is not a language code" if len(others) == 1 else "are not language codes"
        return (), f"{existing} {none}; name the languages, languages: [{codes}], or move the other files"
    return languages, ""


def _none_found(settings: TaskSettings, document: Document) -> str:
    """Return the reason why `languages: all` matches no language."""
    patterns = [path for paths in _paths(settings) for path in ([paths] if isinstance(paths, str) else paths)]
    templates = [pattern for pattern in patterns if TEMPLATE in pattern]
    if not templates:
        return f"all needs {TEMPLATE} in a path of files, and no path has it; add {TEMPLATE}, or name the languages"
    where = f"below {document.data_root}" if document.data_root else "here"
    return f"all means every language with files, and {where} no file matches {', '.join(templates)}"


def _paths(settings: TaskSettings) -> list[tasks.Paths]:
    """Return the paths of every split and language."""
    return [
        paths for named in settings.files.values() for paths in (named.values() if isinstance(named, dict) else [named])
    ]
