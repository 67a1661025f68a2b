"""Checks of the names of languages: each is a code, and one language is written in one way in the whole recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from layover.errors import Problem
from layover.recipe.schema import Document, Languages, Select
from layover.recipe.source import Loc, Source
from layover.tasks import Task, language_name


def check_language_names(document: Document, known: Mapping[str, Task], source: Source) -> list[Problem]:
    """Return the languages whose name is no code, else those that two names of different case may mean."""
    problems = []
    for loc, name in (*_keys(document), *_chosen(document)):
        try:
            language_name(name)
        except ValueError as error:
            problems.append(source.problem(loc, str(error)))
    return problems or _two_cases(document, known, source)


def _two_cases(document: Document, known: Mapping[str, Task], source: Source) -> list[Problem]:
    """Return one problem for every spelling of a name that has another case than an earlier one.

    Names that only choose among these (`eval`, `select`) are checked against them elsewhere.
    """
    first: dict[str, tuple[str, str]] = {}
    for task in known.values():
        if task.name not in document.tasks or "kind" not in (document.tasks[task.name].model_extra or {}):
            for name in task.all_languages():
                first.setdefault(name.casefold(), (name, f"the task {task.name}"))
    found: dict[str, Problem] = {}
    for loc, name in _declared(document):
        usual, where = first.setdefault(name.casefold(), (name, source.where(loc)))
        if name != usual and name not in found:
            message = f"{name!r} and {usual!r} ({where}) differ only by case; write one language in one way"
            found[name] = source.problem(loc, message)
    return list(found.values())


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
    for task, one in document.tasks.items():
        sections.append((("tasks", task, "eval"), ("tasks", task), one.eval.languages, one.select))
    for scored, trained, languages, select in sections:
        for index, name in enumerate(languages if isinstance(languages, tuple) else ()):
            yield (*scored, "languages", index), name
        if select is not None and select.language is not None:
            yield (*trained, "select", "language"), select.language
    if document.languages is not None and document.languages.fallback is not None:
        yield ("languages", "fallback"), document.languages.fallback
