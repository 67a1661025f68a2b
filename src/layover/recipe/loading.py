"""`load`: a recipe file and overrides to a checked `Recipe`, or every problem at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layover import compositions, kinds, modules, tasks
from layover.compositions import Composition
from layover.errors import LayoverError, ModelError, Problem, RecipeError, nearest
from layover.modules import AdapterDrop, Module
from layover.recipe.checks import (
    check_lists,
    check_pairs,
    check_precisions,
    check_retrieval,
    check_sweep,
    check_training,
    check_training_data,
)
from layover.recipe.data_language_checks import check_data_languages
from layover.recipe.holdout_checks import check_holdouts
from layover.recipe.import_checks import check_modules
from layover.recipe.language_checks import check_languages, resolve_languages
from layover.recipe.language_name_checks import check_language_names
from layover.recipe.mixture_checks import check_mixtures
from layover.recipe.resolved import Recipe, ResolvedMethod
from layover.recipe.schema import (
    NO_INTERMEDIATE,
    Document,
    Method,
    TaskSettings,
)
from layover.recipe.source import Loc, Source, read_source
from layover.recipe.validation import validate
from layover.tasks import OwnTask, Task


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read, validate and check a recipe.

    Args:
        path: A YAML file.
        overrides: `path=value` texts that go through the same schema, for example `sweep.seed=[1]`.

    Raises:
        RecipeError: with all problems, each with its place, its path and the nearest valid name.
    """
    source = read_source(path, overrides)
    document, problems = validate(Document, source.values, source)
    if document is None:
        # names can still be checked in the parts that are well-formed: one round of mending, not two
        raise RecipeError(problems + _check_raw_methods(source))
    methods = {}
    for name, method in document.methods.items():
        resolved, found = _resolve_method(name, method, document, source)
        problems += found
        if resolved is not None:
            methods[name] = resolved
    known, found = _resolve_tasks(document, source)
    problems += found + check_sweep(document, source) + check_pairs(document, known, source)
    problems += check_training(document, known, source) + check_training_data(document, known, source)
    problems += check_retrieval(document, known, source) + check_lists(document, methods, source)
    problems += check_mixtures(document, known, source) + check_modules(document, known, source)
    problems += check_precisions(document, methods, source)
    unnamed = check_language_names(document, known, source)
    problems += unnamed or check_data_languages(document, known, methods, source)
    problems += check_holdouts(document, known, source)
    languages, found = resolve_languages(document, known, source)
    problems += found + check_languages(document, methods, source)
    if document.data_root is not None and not Path(document.data_root).is_dir():
        problems.append(source.problem(("data_root",), f"no such folder: {Path(document.data_root).resolve()}"))
    if problems:
        raise RecipeError(problems)
    return Recipe(document=document, methods=methods, tasks=known, languages=languages, source=source)


def _check_raw_methods(source: Source) -> list[Problem]:
    problems: list[Problem] = []
    methods = source.values.get("methods")
    for name, value in methods.items() if isinstance(methods, dict) else ():
        method, found = validate(Method, value, source, ("methods", name))
        if method is not None:
            found = _parse_module(name, method, source)[1]
            problems += found
    return problems


def _parse_module(name: str, method: Method, source: Source) -> tuple[Module | None, list[Problem]]:
    loc: Loc = ("methods", name)
    if method.module not in modules.names():
        message = f"unknown module {method.module!r}; {nearest(method.module, modules.names())}"
        return None, [source.problem((*loc, "module"), message)]
    extra = method.model_extra or {}
    return validate(modules.get(method.module), extra, source, loc, also=tuple(Method.model_fields))


def _parse_composition(
    name: str, method: Method, module: Module | None, source: Source
) -> tuple[Composition | None, list[Problem]]:
    loc: Loc = ("methods", name, "compose")
    settings = {"name": method.compose} if isinstance(method.compose, str) else dict(method.compose)
    known, called = compositions.names(), settings.pop("name", None)
    if called is None:
        return None, [source.problem(loc, f"has no name; write {{name: X, ...}}, X one of {', '.join(known)}")]
    if called not in known:
        at = loc if isinstance(method.compose, str) else (*loc, "name")
        return None, [source.problem(at, f"unknown composition {called!r}; {nearest(str(called), known)}")]
    composition, problems = validate(compositions.get(called), settings, source, loc, also=("name",))
    if composition is not None and module is not None and module.trains_encoder:
        try:
            composition.check(module, [module])
        except ModelError as error:
            return None, [source.problem(loc, str(error))]
    return composition, problems


def _parse_adapterdrop(
    name: str, method: Method, module: Module | None, source: Source
) -> tuple[AdapterDrop, list[Problem]]:
    drop, message = method.adapterdrop, ""
    if drop is None:
        return AdapterDrop(), []
    if module is not None and (module.whole or not module.trains_encoder):
        message = f"{module.name} adds nothing to the encoder's layers that could be left out of some"
    elif drop.random and not drop.train:
        message = "random draws a number of layers from 0 to train; set train"
    elif not drop.drops():
        message = "drops nothing; set train or predict to a number of layers"
    return drop, [source.problem(("methods", name, "adapterdrop"), message)] if message else []


def _resolve_method(
    name: str, method: Method, document: Document, source: Source
) -> tuple[ResolvedMethod | None, list[Problem]]:
    module, problems = _parse_module(name, method, source)
    composition, found = _parse_composition(name, method, module, source)
    problems += found
    drop, found = _parse_adapterdrop(name, method, module, source)
    problems += found
    if module is None or composition is None:
        return None, problems
    train = document.train
    dropout = next((value for value in (method.dropout, train.dropout) if value is not None), module.default_dropout)
    return ResolvedMethod(
        name=name,
        module=module,
        composition=composition,
        continues_head=method.head == "continue",
        lr=method.lr if method.lr is not None else module.default_lr,
        dropout=dropout,
        weight_decay=train.weight_decay if method.weight_decay is None else method.weight_decay,
        precision=method.precision or train.precision,
        adapterdrop=drop,
        languages=method.languages,
    ), problems


def _resolve_tasks(document: Document, source: Source) -> tuple[dict[str, Task], list[Problem]]:
    known: dict[str, Task] = {}
    problems: list[Problem] = []
    for name, settings in document.tasks.items():
        task, found = _declared(name, settings, source)
        problems += found
        if task is not None:
            known[name] = task
    valid = (*tasks.names(), *document.tasks)
    for loc, name in _swept(document):
        if name in tasks.names():
            known.setdefault(name, tasks.get(name))
        elif name not in document.tasks:
            near = (*valid, *document.mixtures, *document.modules) if loc[1] == "intermediate" else valid
            problems.append(source.problem(loc, f"unknown task {name!r}; {nearest(name, near)}"))
    for loc, other in _mentioned(document, known):
        if other in tasks.names():
            known.setdefault(other, tasks.get(other))
        elif other not in document.tasks:
            problems.append(source.problem(loc, f"unknown task {other!r}; {nearest(other, valid)}"))
    parts = {part.name: part for task in known.values() for part in task.parts}
    return {**parts, **known}, problems


def _swept(document: Document) -> list[tuple[Loc, str]]:
    """Return the tasks that stand on the axes and in mixtures, and where."""
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
    # what is wrong with mixtures and imported modules there is told elsewhere
    return [(loc, name) for loc, name in named if name not in document.mixtures and name not in document.modules]


def _mentioned(document: Document, known: dict[str, Task]) -> list[tuple[Loc, str]]:
    """Return the tasks that others, or modules, name, and where; what is left out may itself train on another."""
    named: list[tuple[Loc, str]] = [
        (("tasks", name, "without", index), other)
        for name, settings in document.tasks.items()
        for index, other in enumerate(settings.without)
    ]
    named += [(("modules", name, "task"), one.task) for name, one in document.modules.items() if one.task is not None]
    everyone = {**{other: tasks.get(other) for _, other in named if other in tasks.names()}, **known}
    owners = [(name, task.train_task) for name, task in everyone.items() if task.train_task is not None]
    return named + [(("tasks", name, "train_task"), other) for name, other in owners]


def _declared(name: str, settings: TaskSettings, source: Source) -> tuple[Task | None, list[Problem]]:
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
    elif not settings.files and not extra.get("train_task"):
        message = "a task of your own needs files: {train: ..., test: {sw: ...}}, or the train_task that has them"
    if message:
        return None, [source.problem(loc, message)]
    declaration, problems = validate(OwnTask, extra, source, loc, also=fields)
    if declaration is None:
        return None, problems
    if declaration.kind in kinds.names() and (idle := tasks.idle(declaration, _paths(settings))):
        return None, [source.problem((*loc, key), message) for key, message in idle.items()]
    try:
        return tasks.declare(name, declaration), []
    except LayoverError as error:
        return None, [source.problem(loc, str(error).removeprefix(f"{name}: "))]


def _paths(settings: TaskSettings) -> list[tasks.Paths]:
    """Return the paths of every split and language."""
    return [
        paths for named in settings.files.values() for paths in (named.values() if isinstance(named, dict) else [named])
    ]
