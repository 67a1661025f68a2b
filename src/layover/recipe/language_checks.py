"""Checks of the languages of data: how they are written, each file has one, what is scored has some, what selects."""

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
from layover.recipe.schema import AXES, Document, Languages, Select, TaskSettings
from layover.tasks import Paths, Task, language_name


def check_language_names(document: Document, known: Mapping[str, Task], source: RecipeFile) -> list[Problem]:
    """Return the languages whose name is no code, else those that two names of different case may mean."""
    problems = []
    for loc, name in (*_keys(document), *_chosen(document)):
        try:
            language_name(name)
        except ValueError as error:
            problems.append(source.problem(loc, str(error)))
    return problems or _two_cases(document, known, source)


def _two_cases(document: Document, known: Mapping[str, Task], source: RecipeFile) -> list[Problem]:
    """Return one problem for every spelling of a name that has another case than an earlier one.

    Names that only choose among these (`eval`, `select`) are checked against them elsewhere.
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
            message = f"{name!r} and {usual!r} ({where}) differ only by case; write one language in one way"
            problems[name] = source.problem(loc, message)
    return list(problems.values())


def _declared(document: Document) -> Iterator[tuple[Loc, str]]:
    """Yield every name by which a recipe says the language of data, and where."""
    for task, settings in document.tasks.items():
        said, languages = ((settings.model_extra or {}).get(field) for field in ("train_language", "languages"))
        if isinstance(said, str):
            yield ("tasks", task, "train_language"), said
        for index, name in enumerate(languages if isinstance(languages, list | tuple) else ()):
            if isinstance(name, str):
                yield ("tasks", task, "languages", index), name
    yield from _keys(document)


def _keys(document: Document) -> Iterator[tuple[Loc, str]]:
    """Yield every language that is a key; the values of a task's declaration are checked with it."""
    for task, settings in document.tasks.items():
        said = (settings.model_extra or {}).get("where")
        where = said if isinstance(said, Mapping) else {}
        mappings: list[tuple[Loc, object]] = [(("files", str(split)), paths) for split, paths in settings.files.items()]
        mappings += [(("where", str(column)), values) for column, values in where.items()]
        for loc, names in mappings:
            for name in names if isinstance(names, Mapping) else ():
                yield ("tasks", task, *loc, str(name)), str(name)
    for name in document.languages.text if document.languages is not None else ():
        yield ("languages", "text", name), name


def _chosen(document: Document) -> Iterator[tuple[Loc, str]]:
    """Yield every name by which a recipe chooses among the languages of data, and where."""
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
    """Return what answers questions about the languages of the tasks of a recipe."""

    def settings(name: str) -> TaskSettings:
        return document.tasks.get(name, TaskSettings())

    return DataLanguages(known, settings, document.train.select)


def check_data_languages(
    document: Document, known: Mapping[str, Task], methods: Mapping[str, ResolvedMethod], source: RecipeFile
) -> list[Problem]:
    """Return the data whose language a plan would have to guess, and the languages that it would look for in vain."""
    languages = languages_of(document, known)
    problems = [
        source.problem(("tasks", name, "files", split), message)
        for name, settings in document.tasks.items()
        for split, paths in settings.files.items()
        if name in known and (message := _file(known[name], split, paths, languages, document))
    ]
    if problems:
        return problems  # what follows from them is not said, too
    for index, name in enumerate(document.sweep.target):
        task = known.get(name)
        if task is not None and _settled(task, known) and (message := _scored(task, document, languages)):
            place: Loc = ("tasks", name) if name in document.tasks else ("sweep", "target", index)
            problems.append(source.problem(place, message))
    trained = [known[name] for name in _trained(document, known, methods) if _settled(known[name], known)]
    return problems + _selection(trained, document, languages, source)


def _settled(task: Task, known: Mapping[str, Task]) -> bool:
    """Return whether the task that another one trains on is known; that it is not is told elsewhere."""
    return task.train_task is None or task.train_task in known


def _file(
    task: Task, split: str, paths: Paths | Mapping[str, Paths], languages: DataLanguages, document: Document
) -> str:
    """Return why the language of a file is not known well enough; empty when it is."""
    if isinstance(paths, Mapping):
        said = task.languages.get("train", ()) if task.name not in tasks.names() and split == "train" else ()
        wrong = said and not set(said) & set(paths)
        return f"names a file in {', '.join(paths)}, but train_language is {said[0]}" if wrong else ""
    if TEMPLATE in "".join(paths) or task.where_by_language():
        by = f"says {TEMPLATE}" if TEMPLATE in "".join(paths) else "holds several languages by `where`"
        there = task.languages_of(split, languages.files(task))
        several = split != "train" or ENGLISH in there or len(there) == 1
        field = "train_language: sw" if split == "train" else "languages: [sw]"
        if there and several:
            return ""
        files = {split: paths} if split == "train" else languages.files(task)
        return f"{by}, but {_unknown(files, split, field, document)}"
    declared, language = task.languages.get(split, ()), task.language_of_one_file(split)
    if split != "test" or task.of_kind.sides or len(declared) < 2 or language in declared:
        return ""
    return f"one file for several languages ({_some(declared)}); say which one it is: {{{declared[0]}: FILE}}"


def _unknown(files: Files, split: str, field: str, document: Document) -> str:
    """Return that the languages of files are not known, and which there are."""
    try:
        there = found_languages(files, Path(document.data_root or ""))
    except DataError as error:
        return f"the languages are not known: {error}"
    if split == "train" or not there:
        hint = f" (there are files of {', '.join(there)})" if there else ""
        return f"the language is not known; name it, {field}{hint}"
    listed = ", ".join(there)
    return f"the languages are not known; there are files of {listed}: languages: [{listed}], or languages: all"


def _scored(task: Task, document: Document, languages: DataLanguages) -> str:
    """Return why nothing of a target can be scored; empty when something can, as far as a recipe tells."""
    own = document.tasks.get(task.name, TaskSettings()).eval
    split = own.split or document.eval.split
    wanted = document.eval.languages if own.languages is None else own.languages
    there = languages.of(task, split)
    if not there:
        valid = [other for other in ("validation", "test") if languages.of(task, other)]
        hint = f", or score another: eval: {{split: {valid[0]}}}" if valid else ""
        return f"{task.name} is scored on its {split} split and has none; name one with files.{split}{hint}"
    if wanted == "all" or set(wanted) & set(there):
        return ""
    if set(there) == {UNKNOWN}:
        return f"its {split} data are not known to be in {', '.join(wanted)}; files.{split}: {{{wanted[0]}: FILE}} does"
    return f"{task.name} has no {split} data in {', '.join(wanted)}; {nearest(wanted[0], there)}"


def _trained(document: Document, known: Mapping[str, Task], methods: Mapping[str, ResolvedMethod]) -> dict[str, None]:
    """Return the tasks that are trained for certain: what intermediates learn, and targets that a cell trains."""
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
    """Return the trainings whose development data are not decided by their languages."""
    problems: dict[Loc, str] = {}
    for task in trained:
        select = languages.selection(task)
        if select is None:
            continue
        there = languages.with_development(task, select.split)
        if not there:
            continue  # that there are none is told with the places that were looked at
        if select.language is None and not languages.developing(task, select.split, None):
            message = (
                f"its {select.split} data are in {', '.join(there)}, none of which is that of its training data "
                f"({languages.training(task)}); say which selects: select: {{language: {there[0]}}}"
            )
            problems[_place(task, document, languages, None)] = message
        if select.language is not None and select.language not in there:
            message = (
                f"{task.name} has no {select.split} data in {select.language!r}; {nearest(select.language, there)}"
            )
            problems[_place(task, document, languages, select.language)] = message
    return [source.problem(place, message) for place, message in problems.items()]


def _place(task: Task, document: Document, languages: DataLanguages, language: str | None) -> Loc:
    """Return where a recipe says the language of the development data, or would say it."""
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
        f"{name}: the language of its training data is not known, so no score is called zero-shot; set "
        f"tasks.{name}.train_language"
        for name in owners
        if languages.training(known[name]) == UNKNOWN
    ]


def _some(declared: Iterable[str]) -> str:
    shown = tuple(declared)
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")
