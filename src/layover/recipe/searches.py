"""Searches: numbers of a method that development scores choose, `lr: {search: [1e-4, 3e-4, 1e-3]}`.

A search takes the place of a number. It is removed before the recipe is validated, and the first of its values stands
in its place; `recipe/tuned.py` validates every trial of it.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from layover.errors import Problem
from layover.recipe.file import RecipeFile
from layover.recipe.validation import validate
from layover.samplers import ListSearch, NumberSearch, Path, RangeSearch, Values, first_of


@dataclass(frozen=True)
class MethodSearches:
    """The searches of one method, and the method as it is written."""

    written: Mapping[str, Any]
    searches: Mapping[Path, NumberSearch]
    valid: bool = True
    """Whether all its searches are valid; the mapping has the valid ones."""

    def with_values(self, values: Values) -> dict[str, Any]:
        """Return the method as if these numbers were written in place of the searches."""
        method = copy.deepcopy(dict(self.written))
        for path, value in values.items():
            _holder(method, path)[path[-1]] = value
        return method

    def without(self) -> dict[str, Any]:
        """Return the method with the default of each search; a number without a default is not set."""
        method = copy.deepcopy(dict(self.written))
        for path, search in self.searches.items():
            if search.default is None:
                del _holder(method, path)[path[-1]]
            else:
                _holder(method, path)[path[-1]] = search.default
        return method


def _holder(method: dict[str, Any], path: Path) -> dict[str, Any]:
    for part in path[:-1]:
        method = method[part]
    return method


def without_searches(source: RecipeFile) -> tuple[RecipeFile, dict[str, MethodSearches], list[Problem]]:
    """Return a recipe with a number in place of each search, the searches by method, and the problems of searches."""
    methods = source.values.get("methods")
    if not isinstance(methods, dict):
        return source, {}, []
    values, searches, problems = copy.deepcopy(source.values), dict[str, MethodSearches](), list[Problem]()
    for name, method in methods.items():
        own, wrong = dict[Path, NumberSearch](), False
        for path, written in _written(method, ()):
            form: type[NumberSearch] = RangeSearch if isinstance(written.get("search"), dict) else ListSearch
            search, mistakes = validate(form, written, source, ("methods", name, *path))
            problems += mistakes
            holder = _holder(values["methods"][name], path)
            if search is None:
                del holder[path[-1]]
                wrong = True
            else:
                own[path], holder[path[-1]] = search, first_of(search)
        if own or wrong:
            searches[name] = MethodSearches(values["methods"][name], own, not wrong)
    return replace(source, values=values), searches, problems


def _written(value: object, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield path and value of every search in a method."""
    if not isinstance(value, dict):
        return
    if path and difflib.get_close_matches("search", [key for key in value if isinstance(key, str)], cutoff=0.8):
        yield path, value
        return
    for key, inner in value.items():
        yield from _written(inner, (*path, key))
