"""The trials of a recipe's searches, and the checks that make their comparison fair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from layover.errors import Problem, nearest
from layover.recipe.file import RecipeFile
from layover.recipe.methods import resolve_method
from layover.recipe.resolved import ResolvedMethod, Trial, TunedMethod, named
from layover.recipe.schema import Document, Method, Select, Tune
from layover.recipe.searches import MethodSearches
from layover.recipe.validation import validate
from layover.samplers import Path, Values, points

OF_A_TRAINING = frozenset({"lr", "epochs", "dropout", "weight_decay", "objective"})
"""Keys of a method that may differ between its intermediates and its target; others decide what is trained."""


def resolve_trials(
    document: Document, searches: Mapping[str, MethodSearches], source: RecipeFile
) -> tuple[dict[str, TunedMethod], list[Problem]]:
    """Return the trials of every method with searches, and the problems of their values."""
    tune = document.tune or Tune()
    tuned: dict[str, TunedMethod] = {}
    problems: list[Problem] = []
    for name, own in searches.items():
        if not own.valid:
            continue
        try:
            values = points(own.searches, tune.budget, tune.sampler, tune.seed)
        except ValueError as error:
            problems.append(source.problem(("methods", name), str(error)))
            continue
        trials, mistakes = _trials(name, own, values, tune, document, source)
        mistakes += _outside(name, own, values, document, source)
        problems += mistakes
        if not mistakes:
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
            staged = _staged(method, fixed, tune.stage).model_copy(update={"trial": named(point)})
            trials.append(Trial(point, staged))
    return trials, problems


def _staged(method: ResolvedMethod, fixed: ResolvedMethod | None, stage: str) -> ResolvedMethod:
    """Return a method whose searched values apply to the stage that is tuned."""
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


def check_tuning(
    document: Document, searches: Mapping[str, MethodSearches], tuned: Mapping[str, TunedMethod], source: RecipeFile
) -> list[Problem]:
    """Return what makes a comparison of tuned methods unfair or undefined.

    Args:
        document: A well-formed recipe.
        searches: The methods with searches.
        tuned: Those of them whose values are valid.
        source: The recipe file, for places.
    """
    tune, swept = document.tune or Tune(), document.sweep.method
    compared = {name: method for name, method in tuned.items() if name in swept}
    if not any(name in searches for name in swept):
        return list(_untuned(tune, document, searches, source))
    problems = [
        source.problem(
            ("methods", name),
            "has no search, but other methods are tuned; give it one, as lr: {search: [1e-4, 3e-4, 1e-3]}, or write "
            f"tune.untuned: [{name}]",
        )
        for name in swept
        if name not in searches and name not in tune.untuned and name in document.methods
    ]
    problems += _untuned(tune, document, searches, source)
    problems += _budgets(tune, compared, source)
    return problems + _stages(tune, compared, source) + _selections(document, source)


def _budgets(tune: Tune, tuned: Mapping[str, TunedMethod], source: RecipeFile) -> list[Problem]:
    budget = tune.budget or max((len(method.trials) for method in tuned.values()), default=0)
    other = "tune.budget is" if tune.budget else "another method has"
    return [
        source.problem(
            ("methods", name),
            f"the search has {len(method.trials)} values, but {other} {budget}; every method needs the same number: "
            "write as many values, or another tune.budget",
        )
        for name, method in tuned.items()
        if len(method.trials) != budget
    ]


def _untuned(
    tune: Tune, document: Document, searches: Mapping[str, MethodSearches], source: RecipeFile
) -> Iterator[Problem]:
    for index, name in enumerate(tune.untuned):
        if name not in document.methods:
            message = f"unknown method {name!r}; {nearest(name, tuple(document.methods))}"
            yield source.problem(("tune", "untuned", index), message)
        elif name in searches:
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
