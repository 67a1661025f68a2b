"""`load`: turns a recipe file and overrides into a checked `Recipe`, or reports every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from layover.errors import Problem, RecipeError
from layover.recipe.augment_checks import check_augment
from layover.recipe.class_weight_checks import check_class_weights
from layover.recipe.declared import resolve_tasks
from layover.recipe.file import Loc, Located, RecipeFile, read_source
from layover.recipe.intermediate_checks import check_mixtures, check_modules
from layover.recipe.language_adapters import check_fallback, check_languages, resolve_languages
from layover.recipe.language_checks import check_data_languages, check_language_names
from layover.recipe.methods import resolve_methods
from layover.recipe.objective_checks import check_dictionaries, check_views
from layover.recipe.perturbation_checks import check_perturbations
from layover.recipe.resolved import Recipe
from layover.recipe.schema import MOST_CELLS, Document
from layover.recipe.searches import MethodSearches, without_searches
from layover.recipe.sweep_checks import check_baseline, check_lists, check_pairs, check_precisions, check_sweep
from layover.recipe.task_checks import (
    check_holdouts,
    check_retrieval,
    check_training,
    check_training_data,
    check_windows,
)
from layover.recipe.tuned import check_tuning, resolve_trials
from layover.recipe.validation import STAND_IN, validate_partially

REQUIRED: Mapping[Loc, object] = {
    ("schema",): 1,
    ("name",): "recipe",
    ("models",): {STAND_IN: {"name": STAND_IN}},
    ("methods",): {STAND_IN: {"module": "none"}},
    ("sweep",): {"model": [STAND_IN], "method": [STAND_IN], "target": [STAND_IN]},
    ("languages", "text"): {STAND_IN: STAND_IN},
    **{("sweep", axis): [STAND_IN] for axis in ("model", "method", "target")},
}
"""Path -> the placeholder of a wrong or missing value, so that the rest of a recipe can be checked."""

MOST_PROBLEMS = 100
_ENTRIES = {"models", "methods", "tasks", "mixtures", "modules"}
"""Sections of named entries; the checks of an entry do not depend on the other entries."""


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read, validate and check a recipe.

    Args:
        path: A YAML file.
        overrides: `path=value` texts that go through the same schema, for example `sweep.seed=[1]`.

    Raises:
        RecipeError: the recipe has problems; each has its place, its path and the nearest valid name.
    """
    source, searches, search_problems = without_searches(read_source(path, overrides))
    document, problems, replaced = validate_partially(Document, source, REQUIRED)
    problems = [*source.problems, *search_problems, *problems]
    if document is None:
        raise RecipeError(problems)
    recipe, further = _checked(document, searches, source, replaced)
    problems += further
    if problems or recipe is None:
        raise RecipeError(_first(list(dict.fromkeys(problems)), source))
    return recipe


def _first(problems: list[Problem], source: RecipeFile) -> list[Problem]:
    """Return the first `MOST_PROBLEMS` problems, and a line with the number of the others."""
    more = len(problems) - MOST_PROBLEMS
    return [*problems[:MOST_PROBLEMS], *([Problem(source.name, "", f"and {more:,} more")] if more > 0 else [])]


def _checked(
    document: Document, searches: Mapping[str, MethodSearches], source: RecipeFile, replaced: set[Loc]
) -> tuple[Recipe | None, list[Problem]]:
    """Return the recipe of a well-formed document, or the problems between its parts.

    Args:
        document: Parsed; it has placeholders at the paths `replaced`.
        searches: The searches of its methods.
        source: For places.
        replaced: Paths of placeholders; problems that follow from a placeholder are not reported.
    """
    methods, problems = resolve_methods(document, source)
    tuned, trial_problems = resolve_trials(document, searches, source)
    problems += [problem for problem in trial_problems if problem not in problems]
    known, task_problems = resolve_tasks(document, source)
    problems += task_problems + check_sweep(document, source) + check_pairs(document, known, source)
    problems += check_retrieval(document, known, source) + check_modules(document, known, source)
    problems += check_perturbations(document, known, source)
    problems += check_precisions(document, methods, source) + _data_root(document, source)
    name_problems = check_language_names(document, known, source)
    languages, language_problems = resolve_languages(document, known, source)
    problems += name_problems + language_problems

    # checks of settings that depend on each other; each with the paths that it reads in addition to the reported path
    joint: list[tuple[Callable[[], list[Problem]], tuple[Loc, ...]]] = [
        (lambda: check_training(document, known, source), ()),
        (lambda: check_class_weights(document, known, source), (("sweep",), ("tasks", "*", "labels"))),
        (lambda: check_augment(document, known, source), (("sweep",), ("data_root",))),
        (
            lambda: check_windows(document, known, source),
            tuple((*of, field) for of in (("train",), ("tasks", "*")) for field in ("max_length", "stride")),
        ),
        (lambda: check_training_data(document, known, source), (("tasks", "*", "files"),)),
        (
            lambda: check_lists(document, methods, source),
            (("sweep", "intermediate"), ("sweep", "method"), ("methods", "*", "compose"), ("methods", "*", "module")),
        ),
        (lambda: check_fallback(document, source), (("languages", "text"),)),
        (lambda: check_tuning(document, searches, tuned, source), (("tune",), ("sweep", "method"), ("methods", "*"))),
        (lambda: check_baseline(document, methods, source), (("sweep", "method"), ("methods", "*", "module"))),
        (lambda: check_mixtures(document, known, source), ()),
        (
            lambda: check_views(document, {name: method.objectives for name, method in methods.items()}, known, source),
            (("sweep",), ("methods", "*", "objective")),
        ),
        (
            lambda: check_dictionaries(document, {name: method.objectives for name, method in methods.items()}, source),
            (("sweep", "method"), ("methods", "*", "objective"), ("data_root",)),
        ),
        (lambda: check_holdouts(document, known, source), (("tasks", "*", "files"),)),
        (
            lambda: check_languages(document, methods, source),
            (("sweep", "method"), ("methods", "*", "languages"), ("methods", "*", "module"), ("tasks", "*", "files")),
        ),
    ]
    if not name_problems and document.sweep.cells() <= MOST_CELLS:
        reads: tuple[Loc, ...] = (("eval", "split"), ("train", "select"), ("sweep",))
        reads = (*reads, *(("tasks", "*", field) for field in ("files", "eval", "select", "holdout")))
        joint.append((lambda: check_data_languages(document, known, methods, source), reads))
    # each check lists the settings of a task that it reads, so that a wrong setting hides no other problem
    entries = {_entry(loc) for loc in replaced if loc[0] != "tasks" or len(loc) < 3}
    for check, paths in joint:
        if not any(_meet(loc, path) for loc in replaced for path in paths):
            problems += [problem for problem in check() if _entry(_loc(problem)) not in entries]
    problems = [problem for problem in problems if not any(_follows(_loc(problem), loc) for loc in replaced)]
    if problems or replaced:
        return None, problems
    return Recipe(document=document, methods=methods, tuned=tuned, tasks=known, languages=languages, source=source), []


def _data_root(document: Document, source: RecipeFile) -> list[Problem]:
    root = document.data_root
    try:
        if root is None or Path(root).is_dir():
            return []
        exists = Path(root).exists()
        message = f"is not a folder: {Path(root)}" if exists else f"no such folder: {Path(root).resolve()}"
    except OSError as error:
        message = f"cannot be used: {error.strerror}"
    return [source.problem(("data_root",), message)]


def _loc(problem: Problem) -> Loc:
    return problem.loc if isinstance(problem, Located) else ()


def _entry(loc: Loc) -> Loc:
    """Return the path of the entry (a method, a task ...) that contains a path; else of its section."""
    return loc[:2] if loc and loc[0] in _ENTRIES else loc[:1]


def _follows(loc: Loc, replaced: Loc) -> bool:
    """Return whether a problem is about a placeholder, or about a setting that contains a placeholder."""
    part = len(loc) > len(_entry(loc)) and replaced[: len(loc)] == loc
    return part or loc[: len(replaced)] == replaced


def _meet(loc: Loc, path: Loc) -> bool:
    """Return whether a path contains the other; `*` is any key."""
    return all(wanted in ("*", part) for part, wanted in zip(loc, path, strict=False))
