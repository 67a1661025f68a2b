"""The objective of a method: `objective: freelb`, or of each stage: `objective: {intermediate: fgm, target: plain}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layover import objectives
from layover.errors import Problem, nearest
from layover.modules import Module
from layover.objectives import PLAIN, Objective
from layover.recipe.file import Loc, RecipeFile
from layover.recipe.validation import validate

STAGES = ("intermediate", "target")

Written = str | Mapping[str, Any]


@dataclass(frozen=True)
class StageObjectives:
    """The objectives of a method's trainings."""

    intermediate: Objective = PLAIN
    target: Objective = PLAIN

    def each(self) -> tuple[tuple[str, Objective], ...]:
        """Return each stage and its objective."""
        return (("intermediate", self.intermediate), ("target", self.target))


def resolve_objectives(
    method: str, written: Written | None, module: Module, source: RecipeFile
) -> tuple[StageObjectives, list[Problem]]:
    """Return the objectives of a method, and their problems; a wrong objective is replaced by the plain loss.

    Args:
        method: Name of the method.
        written: Its `objective` as the recipe has it; one objective counts for both stages.
        module: Its module.
        source: The recipe file, for places.
    """
    loc: Loc = ("methods", method, "objective")
    if written is None:
        return StageObjectives(), []
    if isinstance(written, str) or not _by_stage(written):
        objective, problems = _objective(method, written, module, source, loc)
        return StageObjectives(objective, objective), problems
    if "name" in written:
        message = "has a name and stages; write one objective with its name, or {intermediate: X, target: Y}"
        return StageObjectives(), [source.problem(loc, message)]
    problems = [
        source.problem((*loc, key), f"unknown key {key!r}; {nearest(key, ('name', *STAGES))}")
        for key in written
        if key not in STAGES
    ]
    parsed = {}
    for stage in STAGES:
        if stage in written:
            parsed[stage], mistakes = _objective(method, written[stage], module, source, (*loc, stage))
            problems += mistakes
    return StageObjectives(**parsed), problems


def _by_stage(written: Mapping[str, Any]) -> bool:
    """Return whether a mapping names stages, or has no name and a value that is an objective."""
    return any(key in STAGES for key in written) or (
        "name" not in written and any(isinstance(value, (str, Mapping)) for value in written.values())
    )


def _objective(
    method: str, written: Any, module: Module, source: RecipeFile, loc: Loc
) -> tuple[Objective, list[Problem]]:
    known = objectives.names()
    if isinstance(written, str):
        name, at, settings = written, loc, {}
    elif isinstance(written, Mapping) and isinstance(written.get("name"), str):
        name, at = written["name"], (*loc, "name")
        settings = {key: value for key, value in written.items() if key != "name"}
    else:
        choice = ", ".join(known)
        return PLAIN, [source.problem(loc, f"has no name; write a name, or {{name: X, ...}}, X one of {choice}")]
    if name not in known:
        return PLAIN, [source.problem(at, f"unknown objective {name!r}; {nearest(name, known)}")]
    internal = sorted(objectives.get(name).planned & settings.keys())
    if internal:
        return PLAIN, [source.problem((*loc, internal[0]), "is set by the plan, not by a recipe; remove it")]
    objective, problems = validate(objectives.get(name), settings, source, loc, also=("name",))
    return (PLAIN, problems) if objective is None else _fitting(method, objective, module, source, loc, problems)


def _fitting(
    method: str, objective: Objective, module: Module, source: RecipeFile, loc: Loc, problems: list[Problem]
) -> tuple[Objective, list[Problem]]:
    """Return an objective, or the plain loss and a problem if it does not fit its method."""
    if reason := objective.refuses(module):
        return PLAIN, [*problems, source.problem(loc, f"{objective.name} with {module.name}: {reason}")]
    if objective.place == "frozen" and "frozen" not in method:
        message = (
            "at: frozen is another method than the published one, and a table shows the name of the method; write "
            f"'frozen' in it, as {method}-frozen"
        )
        return PLAIN, [*problems, source.problem(("methods", method), message)]
    return objective, problems
