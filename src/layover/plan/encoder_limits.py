"""Limits of an encoder that a recipe exceeds: layers and input positions, if its config is known."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from layover.errors import LayoverError, Problem
from layover.plan.data import DataRules
from layover.recipe import Recipe, ResolvedMethod
from layover.recipe.file import Loc
from layover.specs import EncoderSpec
from layover.tasks import Task


def problems(recipe: Recipe, rules: DataRules, encoders: Iterable[EncoderSpec]) -> list[Problem]:
    """Return the problems of settings that need more layers or positions than an encoder has, with their places."""
    known = list(encoders)
    return _layers(recipe, known) + _lengths(recipe, rules, known)


def _layers(recipe: Recipe, encoders: Iterable[EncoderSpec]) -> list[Problem]:
    """Return the problems of methods that name layers which an encoder does not have, if its shape is known."""
    problems = []
    methods: list[tuple[Loc, ResolvedMethod]] = [
        (("methods", name), method) for name in recipe.document.sweep.method for method in recipe.variants(name)
    ]
    if recipe.languages is not None:
        methods.append((("languages",), recipe.languages.method))
    for (loc, method), encoder in itertools.product(methods, encoders):
        try:
            if encoder.shape is not None:
                method.module.layers_of(encoder.shape.layers)
                if method.adapterdrop.drops():
                    method.adapterdrop.check(method.module, encoder.shape.layers)
        except LayoverError as error:
            problems.append(recipe.source.problem(loc, f"{error} ({encoder.label})"))
    return list(dict.fromkeys(problems))


def _lengths(recipe: Recipe, rules: DataRules, encoders: Iterable[EncoderSpec]) -> list[Problem]:
    """Return the problems of `max_length` settings above the positions of an encoder, with their places."""
    problems: dict[Problem, None] = {}
    wanted = list(_wanted(recipe, rules))
    for encoder in encoders:
        for name, length, loc in wanted:
            if encoder.longest is not None and length > encoder.longest:
                model = recipe.document.models[encoder.label].name
                message = (
                    f"{name} is read with max_length {length}, but {encoder.label} ({model}) takes at most "
                    f"{encoder.longest} tokens; write {encoder.longest} or less"
                )
                problems[recipe.source.problem(loc, message)] = None
    return list(problems)


def _wanted(recipe: Recipe, rules: DataRules) -> Iterator[tuple[str, int, Loc]]:
    """Yield every task that an encoder reads, its longest input in tokens, and the place of this setting."""
    document, adapters = recipe.document, recipe.languages
    default = document.train.max_length
    for name in document.swept():
        task = recipe.tasks[name]
        yield name, rules.number(task, "max_length", default), _written(recipe, task)
    for task in adapters.texts.values() if adapters is not None else ():
        length = recipe.settings(task.name).max_length
        named = document.languages is not None and document.languages.max_length is not None
        loc: Loc = ("languages", "max_length") if named else ("train", "max_length")
        yield task.name, default if length is None else length, loc


def _written(recipe: Recipe, task: Task) -> Loc:
    for name in dict.fromkeys((task.name, task.train_task)):
        if name is not None and recipe.settings(name).max_length is not None:
            return ("tasks", name, "max_length")
    return ("train", "max_length")
