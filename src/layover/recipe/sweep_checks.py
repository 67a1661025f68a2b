"""Checks of the axes of a sweep: names, lists of intermediates, precisions, stages and languages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from layover import compositions
from layover.data.languages import UNKNOWN
from layover.errors import Problem, nearest
from layover.numerics import cannot_be_quantised
from layover.recipe.expected import shown
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.resolved import ResolvedMethod
from layover.recipe.schema import AND, AXES, MOST_CELLS, NO_INTERMEDIATE, Document, TaskSettings
from layover.tasks import Task


def check_sweep(document: Document, source: RecipeFile) -> list[Problem]:
    """Return the problems of the axes: unknown models and methods, duplicate values, rules that match nothing."""
    problems: list[Problem] = []
    # a model with wrong settings still has a valid name
    named: dict[str, Collection[str]] = {
        axis: names
        for axis, section in (("model", "models"), ("method", "methods"))
        if (names := source.names(section))
    }
    for axis in AXES:
        values = _written(document, axis)
        for index, value in enumerate(values):
            loc: Loc = ("sweep", axis, index)
            if axis in named and value not in named[axis]:
                hint = nearest(str(value), named[axis])
                problems.append(source.problem(loc, f"unknown {axis} {value!r}; {hint}"))
            if value in values[:index]:
                problems.append(source.problem(loc, f"{value!r} appears twice; remove one"))
    if (cells := document.sweep.cells()) > MOST_CELLS:
        message = f"the axes make {cells:,} cells, but a sweep has at most {MOST_CELLS:,}; write several recipes"
        problems.append(source.problem(("sweep",), message))
    for index, rule in enumerate(document.sweep.exclude):
        if not rule:
            problems.append(source.problem(("sweep", "exclude", index), "an empty rule excludes every cell; remove it"))
        for axis, wanted in rule.items():
            loc = ("sweep", "exclude", index, axis)
            if axis not in AXES:
                problems.append(source.problem(loc, f"unknown axis; {nearest(axis, AXES)}"))
                continue
            values = document.sweep.values(axis)
            for value in wanted if isinstance(wanted, list) else [wanted]:
                on_axis = value in values and not isinstance(value, bool)
                if not on_axis and not _left_out_by_override(source, axis):
                    problems.append(source.problem(loc, _not_on(axis, value, values)))
    return problems


def _not_on(axis: str, value: object, values: Collection[object]) -> str:
    """Return a message that a value is not on an axis, with the nearest value."""
    written = [str(known) for known in values]
    if str(value) not in written:
        return f"{shown(value)} is not on the axis {axis}; {nearest(str(value), written)}"
    kind, how = ("text", "without quotes") if isinstance(value, str) else ("a number", "in quotes")
    return f"{shown(value)} is {kind}, so it is not on the axis {axis}; write it {how}"


def _written(document: Document, axis: str) -> tuple[Any, ...]:
    """Return the values of an axis as they are written, with duplicates."""
    values: tuple[Any, ...] = getattr(document.sweep, axis)
    return tuple(value if isinstance(value, (str, int)) else AND.join(value) for value in values)


def check_lists(document: Document, methods: Mapping[str, ResolvedMethod], source: RecipeFile) -> list[Problem]:
    """Return lists of intermediates with duplicates, or that no method of the sweep can compose."""
    problems = []
    used = [methods[name] for name in document.sweep.method if name in methods]
    taking = [method for method in used if method.composition.takes_several and method.module.trains_encoder]
    for index, names in enumerate(document.sweep.intermediates().values()):
        loc: Loc = ("sweep", "intermediate", index)
        for place, name in enumerate(names) if len(names) > 1 else ():
            if name == NO_INTERMEDIATE or name in names[:place]:
                reason = "cannot be in a list" if name == NO_INTERMEDIATE else "appears twice in this list"
                problems.append(source.problem((*loc, place), f"{name!r} {reason}; remove it"))
        if len(names) > 1 and used and not taking:
            able = ", ".join(name for name in compositions.usable() if compositions.get(name).takes_several)
            message = "no method of the sweep composes separately learned modules"
            problems.append(source.problem(loc, f"{message}; add one with compose: {able}, or train a mixture"))
    for name in document.sweep.method if not _left_out_by_override(source, "intermediate") else ():
        learned = document.sweep.learned()
        for other in methods[name].composition.named() if name in methods else ():
            if other not in learned:
                loc = ("methods", name, "compose", "weights", other)
                problems.append(
                    source.problem(loc, f"{other!r} is not an intermediate of the sweep; {nearest(other, learned)}")
                )
    return problems


def check_precisions(document: Document, methods: Mapping[str, ResolvedMethod], source: RecipeFile) -> list[Problem]:
    """Return methods that change weights which their precision stores too coarsely."""
    problems = []
    for name, method in methods.items():
        whole, folds = method.module.whole, method.composition.folds
        if reason := cannot_be_quantised(method.precision, whole=whole, folds=folds):
            plugin, field = (method.module.name, "module") if whole else (method.composition.name, "compose")
            if document.methods[name].precision is not None:
                field = "precision"
            message = f"{plugin} does not work with {method.precision}: {reason}"
            advice = f"set methods.{name}.precision to another one"
            problems.append(source.problem(("methods", name, field), f"{message}; {advice}"))
    return problems


def _left_out_by_override(source: RecipeFile, axis: str) -> bool:
    """Return whether the command line narrows an axis; a rule of `exclude` may then match nothing."""
    return source.where(("sweep", axis)).startswith("command line")


def check_pairs(document: Document, known: dict[str, Task], source: RecipeFile) -> list[Problem]:
    """Return a problem for each task on an axis that it is not declared for, and for each unknown language."""
    problems = []
    named = [("target", index, name) for index, name in enumerate(document.sweep.target)]
    for index, names in enumerate(document.sweep.intermediates().values()):
        named += [("intermediate", index, name) for name in names]
    for axis, index, name in named:
        task = known.get(name)
        if task is not None and axis not in task.stages:
            message = f"{name} cannot be used as {axis}: it is declared for {', '.join(task.stages)}"
            problems.append(source.problem(("sweep", axis, index), message))
    for loc, names, languages in _language_lists(document):
        valid = {language for name in names if name in known for language in _languages(known[name], document)}
        for index, language in enumerate(languages):
            if language in languages[:index]:
                problems.append(source.problem((*loc, index), f"{language!r} appears twice; remove one"))
            elif valid and language not in valid:
                problems.append(
                    source.problem((*loc, index), f"unknown language {language!r}; {nearest(language, valid)}")
                )
    return problems


def _languages(task: Task, document: Document) -> set[str]:
    """Return the languages that a task declares, and the languages of the recipe's files."""
    files = {str(split): paths for split, paths in document.tasks.get(task.name, TaskSettings()).files.items()}
    named = {language for split in files for language in task.languages_of(split, files)}
    return {*task.all_languages(), *named} - {UNKNOWN}


def _language_lists(document: Document) -> list[tuple[Loc, tuple[str, ...], tuple[str, ...]]]:
    lists: list[tuple[Loc, tuple[str, ...], tuple[str, ...]]] = []
    if document.eval.languages != "all":
        lists.append((("eval", "languages"), document.sweep.target, document.eval.languages))
    for name, settings in document.tasks.items():
        if settings.eval.languages is not None and settings.eval.languages != "all":
            lists.append((("tasks", name, "eval", "languages"), (name,), settings.eval.languages))
    return lists


def check_baseline(document: Document, methods: Mapping[str, ResolvedMethod], source: RecipeFile) -> list[Problem]:
    """Return the problem of a baseline that the sweep does not have, or that does not train the whole encoder."""
    name = document.baseline
    if name is None:
        return []
    full = [method for method in document.sweep.method if method in methods and methods[method].module.whole]
    if name in full:
        return []
    message = f"{name!r} is no method of the sweep that trains the whole encoder; " + (
        nearest(name, full) if full else "the sweep has none; remove baseline"
    )
    return [source.problem(("baseline",), message)]
