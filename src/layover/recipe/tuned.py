"""The trials of a recipe's searches, and the checks that make their comparison fair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from layover.errors import Problem, nearest
from layover.recipe.file import RecipeFile
from layover.recipe.methods import resolve_method
from layover.recipe.resolved import ResolvedMethod, Trial, TunedMethod
from layover.recipe.schema import Document, Method, Select, Tune
from layover.recipe.searches import MethodSearches, Path, Values, points
from layover.recipe.validation import validate

OF_A_TRAINING = frozenset({"lr", "epochs", "dropout", "weight_decay"})
"""Keys of a method that may differ between its intermediates and its target; others decide what is trained."""


def resolve_trials(
    document: Document, searches: Mapping[str, MethodSearches], source: RecipeFile
) -> tuple[dict[str, TunedMethod], list[Problem]]:
    """Return the trials of every method with searches, and the problems of their values."""
    tune = document.tune or Tune()
    tuned: dict[str, TunedMethod] = {}
    problems: list[Problem] = []
    for name, own in searches.items():
        try:
            values = points(own.searches, tune.budget, tune.sampler, tune.seed)
        except ValueError as error:
            problems.append(source.problem(("methods", name), str(error)))
            continue
        trials, mistakes = _trials(name, own, values, tune, document, source)
        problems += mistakes + _outside(name, own, values, document, source)
        tuned[name] = TunedMethod(own.searches, tuple(trials))
    return tuned, list(dict.fromkeys(problems))


def _trials(
    name: str,
    own: MethodSearches,
    values: list[dict[Path, float]],
    tune: Tune,
    document: Document,
    source: RecipeFile,
) -> tuple[list[Trial], list[Problem]]:
    fixed, problems = None, list[Problem]()
    if tune.stage != "both":
        fixed, problems = _resolved(name, own.without(), document, source)
    trials = []
    for point in values:
        method, mistakes = _resolved(name, own.with_values(point), document, source)
        problems += mistakes
        if method is not None:
            trials.append(Trial(point, _staged(method, fixed, tune.stage)))
    return trials, problems


def _staged(method: ResolvedMethod, fixed: ResolvedMethod | None, stage: str) -> ResolvedMethod:
    """Return a method whose tuned values apply to one stage only."""
    if fixed is None:
        return method
    target, before = (method, fixed) if stage == "target" else (fixed, method)
    return target.model_copy(update={"before": before})


def _resolved(
    name: str, written: Mapping[str, Any], document: Document, source: RecipeFile
) -> tuple[ResolvedMethod | None, list[Problem]]:
    method, problems = validate(Method, written, source, ("methods", name))
    return (None, problems) if method is None else resolve_method(name, method, document, source)


def _outside(
    name: str, own: MethodSearches, values: list[dict[Path, float]], document: Document, source: RecipeFile
) -> list[Problem]:
    """Return the problems of the ends of ranges, which no trial may have drawn."""
    if not values:
        return []
    ends: Iterator[Values] = (
        {**values[0], path: end} for path, search in own.searches.items() for end in search.ends()
    )
    return [problem for point in ends for problem in _resolved(name, own.with_values(point), document, source)[1]]


def check_tuning(document: Document, tuned: Mapping[str, TunedMethod], source: RecipeFile) -> list[Problem]:
    """Return what makes a comparison of tuned methods unfair or undefined."""
    tune = document.tune or Tune()
    swept = document.sweep.method
    if not tuned:
        return _without_search(document, source)
    problems = [
        source.problem(
            ("methods", name),
            "has no search, but other methods are tuned; give it one, as lr: {search: [1e-4, 3e-4, 1e-3]}, or write "
            f"tune.untuned: [{name}]",
        )
        for name in swept
        if name not in tuned and name not in tune.untuned
    ]
    problems += _untuned(tune, document, tuned, source)
    budget = tune.budget or max(len(method.trials) for method in tuned.values())
    problems += [
        source.problem(
            ("methods", name),
            f"the search has {len(method.trials)} trials, but {'tune.budget is' if tune.budget else 'another has'} "
            f"{budget}; every method needs the same number: give it as many values, or another tune.budget",
        )
        for name, method in tuned.items()
        if len(method.trials) != budget
    ]
    return problems + _stages(tune, tuned, source) + _selections(document, source)


def _without_search(document: Document, source: RecipeFile) -> list[Problem]:
    if document.tune is None:
        return []
    return [source.problem(("tune",), "no method has a search; write one, as methods.NAME.lr: {search: [1e-4, 1e-3]}")]


def _untuned(tune: Tune, document: Document, tuned: Mapping[str, TunedMethod], source: RecipeFile) -> Iterator[Problem]:
    for index, name in enumerate(tune.untuned):
        if name not in document.methods:
            message = f"unknown method {name!r}; {nearest(name, tuple(document.methods))}"
            yield source.problem(("tune", "untuned", index), message)
        elif name in tuned:
            yield source.problem(("tune", "untuned", index), f"{name} has a search; remove it here or there")


def _stages(tune: Tune, tuned: Mapping[str, TunedMethod], source: RecipeFile) -> list[Problem]:
    if tune.stage == "both":
        return []
    problems = [
        source.problem(
            ("methods", name, *path),
            f"is the same in both stages, but tune.stage is {tune.stage}; "
            f"with it search {', '.join(sorted(OF_A_TRAINING))}",
        )
        for name, method in tuned.items()
        for path in method.searches
        if path[0] not in OF_A_TRAINING
    ]
    if tune.stage == "intermediate" and tune.per == "target":
        message = "an intermediate is trained without a target; write per: method or per: intermediate"
        problems.append(source.problem(("tune", "per"), message))
    return problems


def _selections(document: Document, source: RecipeFile) -> list[Problem]:
    """Return the settings of selection that leave no development score, or take that of the test split."""
    whole: dict[tuple[str, ...], Select | None] = {("train", "select"): document.train.select}
    own: dict[tuple[str, ...], Select | None] = {
        ("tasks", name, "select"): settings.select
        for name, settings in document.tasks.items()
        if "select" in settings.model_fields_set and name in document.swept()
    }
    return [problem for loc, select in {**whole, **own}.items() for problem in _selection(loc, select, source)]


def _selection(loc: tuple[str, ...], select: Select | None, source: RecipeFile) -> list[Problem]:
    if select is None:
        return [source.problem(loc, "null evaluates nothing, but tuning chooses by development scores; remove it")]
    if select.split == "test":
        message = "test is not allowed with tuning: the values would be chosen by test scores; write validation"
        return [source.problem((*loc, "split"), message)]
    return []
