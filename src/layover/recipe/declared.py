"""Tasks of a recipe: those of Layover looked up, those that the recipe declares made."""

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
    """Return every task that a recipe names, by name, and what is wrong with the others."""
    known: dict[str, Task] = {}
    problems: list[Problem] = []
    for name, settings in document.tasks.items():
        task, found = _declared(name, settings, document, source)
        problems += found
        if task is not None:
            known[name] = task
    # a task whose declaration is wrong is known by its name all the same
    own, others = source.names("tasks") or (), [*(source.names("mixtures") or ()), *(source.names("modules") or ())]
    valid = (*tasks.names(), *own)
    for loc, name in _swept(document):
        if name in tasks.names():
            known.setdefault(name, tasks.get(name))
        elif name not in own and name not in others:  # what is wrong with the others there is told elsewhere
            near = (*valid, *others) if loc[1] == "intermediate" else valid
            problems.append(source.problem(loc, f"unknown task {name!r}; {nearest(name, near)}"))
    for loc, other in _mentioned(document, known):
        if other in tasks.names():
            known.setdefault(other, tasks.get(other))
        elif other not in own:
            problems.append(source.problem(loc, f"unknown task {other!r}; {nearest(other, valid)}"))
    parts = {part.name: part for task in known.values() for part in task.parts}
    return {**parts, **known}, problems


def _swept(document: Document) -> list[tuple[Loc, str]]:
    """Return the names that stand on the axes and in mixtures, and where."""
    sweep = document.sweep
    named: list[tuple[Loc, str]] = []
    for index, names in enumerate(sweep.intermediates().values()):
        loc: Loc = ("sweep", "intermediate", index)
        # a `none` inside a list is told of there
        here = [(place, name) for place, name in enumerate(names) if name != NO_INTERMEDIATE]
        named += [((*loc, place) if len(names) > 1 else loc, name) for place, name in here]
    named += [(("sweep", "target", index), name) for index, name in enumerate(sweep.target)]
    for mixture, its in document.mixtures.items():
        named += [(("mixtures", mixture, "tasks", index), name) for index, name in enumerate(its.tasks)]
    return named


def _mentioned(document: Document, known: dict[str, Task]) -> list[tuple[Loc, str]]:
    """Return the tasks that others, or modules, name, and where; what is left out may itself train on another."""
    named: list[tuple[Loc, str]] = [
        (("tasks", name, "without", index), other)
        for name, settings in document.tasks.items()
        for index, other in enumerate(settings.without)
    ]
    named += [(("modules", name, "task"), one.task) for name, one in document.modules.items() if one.task is not None]
    everyone = {**{other: tasks.get(other) for _, other in named if other in tasks.names()}, **known}
    owners = {name: task.train_task for name, task in everyone.items() if task.train_task is not None}
    for name, settings in document.tasks.items():  # also of a task whose declaration is wrong elsewhere
        said = (settings.model_extra or {}).get("train_task")
        if isinstance(said, str):
            owners.setdefault(name, said)
    return named + [(("tasks", name, "train_task"), other) for name, other in owners.items()]


def _declared(
    name: str, settings: TaskSettings, document: Document, source: RecipeFile
) -> tuple[Task | None, list[Problem]]:
    loc: Loc = ("tasks", name)
    extra: dict[str, Any] = settings.model_extra or {}
    fields = tuple(TaskSettings.model_fields)
    if name in tasks.names():
        unknown = [key for key in extra if key not in fields]
        hint = "; it is a built-in task, its declaration is fixed"
        return tasks.get(name), [
            source.problem(
                (*loc, key),
                f"unknown key; {nearest(key, fields)}{hint if key in OwnTask.model_fields else ''}",
            )
            for key in unknown
        ]
    message = ""
    if name == NO_INTERMEDIATE:
        message = f"{NO_INTERMEDIATE!r} means no intermediate; call the task something else"
    elif not name.strip() or not name.isprintable():
        message = "the name of a task stands in reports and on cards: give it one line of printable characters"
    elif "kind" not in extra:
        message = f"unknown task; {nearest(name, tasks.names())} (a task of your own needs kind and files)"
    return (None, [source.problem(loc, message)]) if message else _own(name, settings, extra, document, source)


def _own(
    name: str, settings: TaskSettings, extra: dict[str, Any], document: Document, source: RecipeFile
) -> tuple[Task | None, list[Problem]]:
    """Return a task that the recipe declares, or all that is wrong with its declaration."""
    loc: Loc = ("tasks", name)
    declaration, problems = validate(OwnTask, extra, source, loc, also=tuple(TaskSettings.model_fields))
    wrong = {problem.loc[2] for problem in problems if isinstance(problem, Located) and len(problem.loc) > 2}
    if declaration is None:
        declaration = _without(extra, wrong)
    if not settings.files and not {"files", "train_task"} & {*(source.names(*loc) or ())}:
        message = "a task of your own needs files: {train: ..., test: {sw: ...}}, or the train_task that has them"
        problems.append(source.problem(loc, message))
    if declaration is not None:
        found = tasks.mistakes(declaration, _paths(settings), {str(field) for field in wrong})
        problems += [source.problem((*loc, *path), message) for path, message in found]
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
    """Return what is left of a declaration without its wrong fields, to be checked further; None where nothing is."""
    kept = {key: value for key, value in extra.items() if key not in wrong}
    try:
        return OwnTask.model_validate({"kind": "", **kept})
    except ValidationError:
        return None


def _files(settings: TaskSettings) -> dict[str, tasks.Paths | dict[str, tasks.Paths]]:
    return {str(split): named for split, named in settings.files.items()}


def _languages(settings: TaskSettings, document: Document) -> tuple[tuple[str, ...], str]:
    """Return what `languages: all` are, and what is wrong with them; empty text where nothing is."""
    try:
        found = found_languages(_files(settings), Path(document.data_root or ""))
    except LayoverError as error:
        return (), str(error)
    if not found:
        return (), _none_found(settings, document)
    if others := no_languages(found):
        codes = ", ".join(name for name in found if name not in others) or "sw"
        said = f"there are files of {', '.join(found)}, and {', '.join(others)}"
        none = "is no code of a language" if len(others) == 1 else "are no codes of languages"
        return (), f"{said} {none}; name the languages, languages: [{codes}], or move the other files"
    return found, ""


def _none_found(settings: TaskSettings, document: Document) -> str:
    """Return why `languages: all` are none."""
    patterns = [one for paths in _paths(settings) for one in ([paths] if isinstance(paths, str) else paths)]
    templates = [one for one in patterns if TEMPLATE in one]
    if not templates:
        return f"all are the languages that {TEMPLATE} in a path of files stands for, and no path has it"
    where = f"below {document.data_root}" if document.data_root else "here"
    return f"all are the languages that there are files of, and {where} no file is like {', '.join(templates)}"


def _paths(settings: TaskSettings) -> list[tasks.Paths]:
    """Return the paths of every split and language."""
    return [
        paths for named in settings.files.values() for paths in (named.values() if isinstance(named, dict) else [named])
    ]
