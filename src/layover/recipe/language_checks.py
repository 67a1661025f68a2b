"""Checks of the languages of data: valid codes, a language for each file, for each score and for each selection."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from layover import kinds, tasks
from layover.data.languages import UNKNOWN
from layover.errors import DataError, Problem, nearest
from layover.recipe.data_languages import ENGLISH, DataLanguages
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.found_languages import TEMPLATE, Files, found_languages
from layover.recipe.resolved import ResolvedMethod
from layover.recipe.schema import AXES, Document, Select, TaskSettings
from layover.recipe.scored import Languages
from layover.tasks import Paths, Task, language_name


def check_language_names(document: Document, known: Mapping[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the names that are not language codes; without any, the names that differ only by case."""
    problems = []
    for loc, name in (*_keys(document), *_chosen(document)):
        try:
            language_name(name)
        except ValueError as error:
            problems.append(source.problem(loc, str(error)))
    return problems or _two_cases(document, known, source)


def _two_cases(document: Document, known: Mapping[str, Task], source: RecipeFile) -> list[Problem]:
    """Return a problem for every name that differs from an earlier name only by case.

    Other checks compare names that choose a language (`eval`, `select`) with the names of the data.
    """
    first: dict[str, tuple[str, str]] = {}
    for task in known.values():
        if task.name not in document.tasks or "kind" not in (document.tasks[task.name].model_extra or {}):
            for name in task.all_languages():
                first.setdefault(name.casefold(), (name, f"the task {task.name}"))
    problems: dict[str, Problem] = {}
    for loc, name in _declared(document):
        usual, where = first.setdefault(name.casefold(), (name, source.where(loc)))
        if name != usual and name not in problems:
            message = f"{name!r} and {usual!r} ({where}) differ only by case; use one spelling"
            problems[name] = source.problem(loc, message)
    return list(problems.values())


def _declared(document: Document) -> Iterator[tuple[Loc, str]]:
    """Yield every language that a recipe declares for data, with its path."""
    for task, settings in document.tasks.items():
        language, languages = ((settings.model_extra or {}).get(field) for field in ("train_language", "languages"))
        if isinstance(language, str):
            yield ("tasks", task, "train_language"), language
        for index, name in enumerate(languages if isinstance(languages, list | tuple) else ()):
            if isinstance(name, str):
                yield ("tasks", task, "languages", index), name
    yield from _keys(document)


def _keys(document: Document) -> Iterator[tuple[Loc, str]]:
    """Yield every language that is a key; the check of a task's declaration covers its values."""
    for task, settings in document.tasks.items():
        declared = (settings.model_extra or {}).get("where")
        where = declared if isinstance(declared, Mapping) else {}
        mappings: list[tuple[Loc, object]] = [(("files", str(split)), paths) for split, paths in settings.files.items()]
        mappings += [(("where", str(column)), values) for column, values in where.items()]
        for loc, names in mappings:
            for name in names if isinstance(names, Mapping) else ():
                yield ("tasks", task, *loc, str(name)), str(name)
    for name in document.languages.text if document.languages is not None else ():
        yield ("languages", "text", name), name


def _chosen(document: Document) -> Iterator[tuple[Loc, str]]:
    """Yield every name by which a recipe chooses among the languages of data, with its path."""
    sections: list[tuple[Loc, Loc, Languages | None, Select | None]] = [
        (("eval",), ("train",), document.eval.languages, document.train.select)
    ]
    for task, settings in document.tasks.items():
        sections.append((("tasks", task, "eval"), ("tasks", task), settings.eval.languages, settings.select))
    for scored, trained, languages, select in sections:
        for index, name in enumerate(languages if isinstance(languages, tuple) else ()):
            yield (*scored, "languages", index), name
        if select is not None and select.language is not None:
            yield (*trained, "select", "language"), select.language
    if document.languages is not None and document.languages.fallback is not None:
        yield ("languages", "fallback"), document.languages.fallback


def languages_of(document: Document, known: Mapping[str, Task]) -> DataLanguages:
    """Return the languages of a recipe's tasks."""

    def settings(name: str) -> TaskSettings:
        return document.tasks.get(name, TaskSettings())

    return DataLanguages(known, settings, document.train.select)


def check_data_languages(
    document: Document, known: Mapping[str, Task], methods: Mapping[str, ResolvedMethod], source: RecipeFile
) -> list[Problem]:
    """Return a problem for data in an unknown language, and for languages without data."""
    languages = languages_of(document, known)
    problems = [
        source.problem(("tasks", name, "files", split), message)
        for name, settings in document.tasks.items()
        for split, paths in settings.files.items()
        if name in known and (message := _file(known[name], split, paths, languages, document))
    ]
    if problems:
        return problems  # further problems may follow from these
    for index, name in enumerate(document.sweep.target):
        task = known.get(name)
        if task is not None and _settled(task, known) and (message := _scored(task, document, languages)):
            place: Loc = ("tasks", name) if name in document.tasks else ("sweep", "target", index)
            problems.append(source.problem(place, message))
    trained = [known[name] for name in _trained(document, known, methods) if _settled(known[name], known)]
    return problems + _selection(trained, document, languages, source)


def _settled(task: Task, known: Mapping[str, Task]) -> bool:
    """Return whether the task that another task trains on is known; `resolve_tasks` reports an unknown task."""
    return task.train_task is None or task.train_task in known


def _file(
    task: Task, split: str, paths: Paths | Mapping[str, Paths], languages: DataLanguages, document: Document
) -> str:
    """Return the reason why the language of a file is unknown or ambiguous, or an empty text."""
    if isinstance(paths, Mapping):
        own = task.languages.get("train", ()) if task.name not in tasks.names() and split == "train" else ()
        wrong = own and not set(own) & set(paths)
        return f"names a file in {', '.join(paths)}, but train_language is {own[0]}" if wrong else ""
    if TEMPLATE in "".join(paths) or task.where_by_language():
        by = f"has {TEMPLATE} in a path" if TEMPLATE in "".join(paths) else "has several languages by `where`"
        available = task.languages_of(split, languages.files(task))
        usable = split != "train" or ENGLISH in available or len(available) == 1
        field = "train_language: sw" if split == "train" else "languages: [sw]"
        if available and usable:
            return ""
        files = {split: paths} if split == "train" else languages.files(task)
        return f"{by}, but {_unknown(files, split, field, document)}"
    declared, language = task.languages.get(split, ()), task.language_of_one_file(split)
    if split != "test" or task.of_kind.sides or len(declared) < 2 or language in declared:
        return ""
    return f"one file for several languages ({_some(declared)}); name its language: {{{declared[0]}: FILE}}"


def _unknown(files: Files, split: str, field: str, document: Document) -> str:
    """Return a message that the languages of files are unknown, with the languages of existing files."""
    try:
        existing = found_languages(files, Path(document.data_root or ""))
    except DataError as error:
        return f"the languages are unknown: {error}"
    if split == "train" or not existing:
        hint = f" (there are files of {', '.join(existing)})" if existing else ""
        return f"the language is unknown; write {field}{hint}"
    listed = ", ".join(existing)
    return f"the languages are unknown; there are files of {listed}: write languages: [{listed}], or languages: all"


def _scored(task: Task, document: Document, languages: DataLanguages) -> str:
    """Return the reason why a target has no language to score, as far as the recipe shows, or an empty text."""
    own = document.tasks.get(task.name, TaskSettings()).eval
    split = own.split or document.eval.split
    wanted = document.eval.languages if own.languages is None else own.languages
    available = languages.of(task, split)
    if not available:
        valid = [other for other in ("validation", "test") if languages.of(task, other)]
        hint = f", or score another split: eval: {{split: {valid[0]}}}" if valid else ""
        return f"{task.name} has no {split} split to score; name one with files.{split}{hint}"
    if wanted == "all" or set(wanted) & set(available):
        return ""
    if set(available) == {UNKNOWN}:
        return f"the language of its {split} data is unknown; write files.{split}: {{{wanted[0]}: FILE}}"
    return f"{task.name} has no {split} data in {', '.join(wanted)}; {nearest(wanted[0], available)}"


def _trained(document: Document, known: Mapping[str, Task], methods: Mapping[str, ResolvedMethod]) -> dict[str, None]:
    """Return the tasks that are certainly trained: tasks of intermediates, and targets that a cell trains."""
    learned = (task for name in document.sweep.learned() for task in document.members(name))
    trained = {name: None for name in learned if name in known}
    sweep = document.sweep
    for values in itertools.product(*(sweep.values(axis) for axis in AXES)):
        named = dict(zip(AXES, values, strict=True))
        excluded = any(all(_matches(named.get(axis), value) for axis, value in rule.items()) for rule in sweep.exclude)
        method = methods.get(named["method"])
        if excluded or method is None or method.composition.trains() == "none":
            continue
        names = sweep.intermediates()[named["intermediate"]]
        carried = method.module.trains_encoder and (len(names) == 1 or method.composition.takes_several)
        if named["target"] in known and (not names or carried):
            trained[named["target"]] = None
    return {name: None for name in trained if kinds.get(known[name].kind).trained}


def _matches(value: object, wanted: object) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted


def _selection(
    trained: Iterable[Task], document: Document, languages: DataLanguages, source: RecipeFile
) -> list[Problem]:
    """Return a problem for each training whose languages do not determine its development data."""
    problems: dict[Loc, str] = {}
    for task in trained:
        select = languages.selection(task)
        if select is None:
            continue
        available = languages.with_development(task, select.split)
        if not available:
            continue  # the plan reports it, with the places where it looked
        if select.language is None and not languages.developing(task, select.split, None):
            message = (
                f"its {select.split} data are in {', '.join(available)}, and its training data are in "
                f"{languages.training(task)}; name the language that selects: select: {{language: {available[0]}}}"
            )
            problems[_place(task, document, languages, None)] = message
        if select.language is not None and select.language not in available:
            message = (
                f"{task.name} has no {select.split} data in {select.language!r}; {nearest(select.language, available)}"
            )
            problems[_place(task, document, languages, select.language)] = message
    return [source.problem(place, message) for place, message in problems.items()]


def _place(task: Task, document: Document, languages: DataLanguages, language: str | None) -> Loc:
    """Return the path at which a recipe names, or could name, the language of the development data."""
    if language is None:
        return ("tasks", task.name)
    for name in dict.fromkeys((task.name, languages.owner(task).name)):
        select = document.tasks.get(name, TaskSettings()).select
        if select is not None and select.language is not None:
            return ("tasks", name, "select", "language")
    return ("train", "select", "language")


def unsaid(names: Iterable[str], known: Mapping[str, Task], languages: DataLanguages) -> list[str]:
    """Return a note for each trained task whose training data are in an unknown language."""
    owners = dict.fromkeys(languages.owner(known[name]).name for name in names if kinds.get(known[name].kind).trained)
    return [
        f"{name}: the language of its training data is unknown, so no score is called zero-shot; set "
        f"tasks.{name}.train_language"
        for name in owners
        if languages.training(known[name]) == UNKNOWN
    ]


def _some(declared: Iterable[str]) -> str:
    shown = tuple(declared)
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")
