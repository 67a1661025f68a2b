"""The tracker that a recipe names in `run.track`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layover import tracking
from layover.errors import LayoverError, PluginError

if TYPE_CHECKING:
    from layover.recipe import Recipe
    from layover.tracking import Tracker

LOC = ("run", "track")
FOLDER = Path("tracking")


def check_tracker(recipe: Recipe) -> None:
    """Check that the tracker of a recipe can be used on this machine.

    Raises:
        LayoverError: its package is missing or broken, or its plug-in is unusable.
    """
    name = recipe.document.run.track
    if name is None:
        return
    try:
        problem = tracking.get(name).problem()
    except PluginError as error:
        problem = str(error)
    if problem:
        raise LayoverError(str(recipe.source.problem(LOC, problem)))


def trackers_of(recipe: Recipe) -> list[Tracker]:
    """Return the tracker of a recipe, or none; it writes into `tracking/NAME`."""
    name = recipe.document.run.track
    return [] if name is None else [tracking.get(name)(FOLDER / recipe.document.name)]
