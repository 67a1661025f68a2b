"""Checks of objectives: perturbations that the precision loses, dictionaries, and tasks that have no views."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from layover.data.synonyms import SynonymsError, read_dictionary
from layover.errors import Problem
from layover.numerics import Precision, computes_in
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.objectives import StageObjectives
from layover.recipe.schema import Document
from layover.tasks import Task

FINEST = 5e-4
"""The step of bfloat16 at a number of 0.12, the usual size in word embeddings."""


def too_fine(method: str, staged: StageObjectives, precision: Precision, source: RecipeFile) -> list[Problem]:
    """Return the problems of perturbations that bfloat16 rounds away.

    Args:
        method: Name of the method.
        staged: Its objectives.
        precision: Its precision.
        source: The recipe file, for places.
    """
    if computes_in(precision) != "bf16":
        return []
    problems = []
    for _, objective in staged.each():
        size = objective.finest()
        if size is not None and 0 < size < FINEST and objective.place == "embeddings":
            message = (
                f"{precision} rounds most of this perturbation away: {objective.name} changes each number of the word "
                f"embeddings by about {size:.1g}, but bfloat16 loses changes below about {FINEST:g}; write precision: "
                "fp32, or larger settings, for example relative: true with radius: 0.05"
            )
            problems.append(source.problem(("methods", method, "objective"), message))
    return list(dict.fromkeys(problems))


def check_dictionaries(document: Document, staged: Mapping[str, StageObjectives], source: RecipeFile) -> list[Problem]:
    """Return the mistakes in the dictionaries of objectives, each with `file:line`."""
    problems = []
    for method in document.sweep.method:
        views = [objective.row_view for _, objective in staged[method].each()] if method in staged else []
        files = [view.dictionary for view in views if view is not None]
        for file in dict.fromkeys(file for file in files if file is not None):
            try:
                read_dictionary(Path(document.data_root or "") / file)
            except SynonymsError as error:
                loc: Loc = ("methods", method, "objective")
                problems += [source.problem(loc, mistake) for mistake in error.mistakes]
    return problems


def check_views(
    document: Document, staged: Mapping[str, StageObjectives], tasks: Mapping[str, Task], source: RecipeFile
) -> list[Problem]:
    """Return the problems of objectives that read views of rows whose tokens are masked.

    Args:
        document: A well-formed recipe.
        staged: Method -> its objectives.
        tasks: The tasks of the recipe by name.
        source: The recipe file, for places.
    """
    learned = [task for name in document.sweep.learned() for task in document.members(name)]
    trained = {"intermediate": learned, "target": document.sweep.target}
    return [
        source.problem(
            ("methods", method, "objective"),
            f"{objective.name} in the {stage} stage compares views of rows, but {name} is {tasks[name].kind}, whose "
            "tokens are masked at random; name another objective for this stage",
        )
        for method in document.sweep.method
        if method in staged
        for stage, objective in staged[method].each()
        if objective.row_view is not None
        for name in trained[stage]
        if name in tasks and tasks[name].of_kind.changes_tokens
    ]
