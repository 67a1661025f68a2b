"""Recipes: the YAML files of users, read and checked."""

from layover.recipe.loading import load
from layover.recipe.resolved import Recipe, ResolvedMethod
from layover.recipe.schema import AXES, NO_INTERMEDIATE, Select, TaskSettings

__all__ = ["AXES", "NO_INTERMEDIATE", "Recipe", "ResolvedMethod", "Select", "TaskSettings", "load"]
