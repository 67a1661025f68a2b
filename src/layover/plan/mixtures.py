"""Mixtures in a plan: one training of several tasks, with a head for all those whose outputs are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from layover.identity import canonical
from layover.modules import AdapterDrop, Module
from layover.plan.encoders import EncoderRef
from layover.plan.heads import same_head
from layover.plan.inputs import Below, Optimisation, Selection
from layover.plan.sampling import Sampling
from layover.recipe import Recipe
from layover.tasks import Task

MEAN = "mean"
"""What selects: the mean of the tasks' own metrics."""


@dataclass(frozen=True)
class Taught:
    """One task of a mixture."""

    task: Task
    data: str
    """Key of the tokenized training set."""
    hidden_percent: int
    weight: float
    """Factor on its share of the steps."""
    selection: Selection | None
    languages: Below
    head: int = 0
    """Which of the mixture's heads is its own; `ordered` numbers them."""

    def identity(self) -> dict[str, Any]:
        """Return what the task adds to the identity; not its name."""
        below = {"languages": asdict(self.languages)} if self.languages.adapters() else {}
        return {
            "data": self.data,
            "kind": self.task.kind,
            "labels": list(self.task.labels),
            "select": None if self.selection is None else self.selection.identity(),
            "weight": self.weight,
            **below,
        }


@dataclass(frozen=True)
class MixtureInputs:
    """One module trained on several tasks that take turns."""

    name: str
    """For people."""
    encoder: EncoderRef
    module: Module
    tasks: tuple[Taught, ...]
    """In the order of their identities, so that the recipe's does not matter."""
    sampling: Sampling
    optimisation: Optimisation
    adapterdrop: AdapterDrop
    composed: None = None
    """An intermediate is learned on the encoder alone."""

    @property
    def languages(self) -> Below:
        """The language adapters below the training, which are the same for all tasks but where these select."""
        return self.tasks[0].languages

    @property
    def selection(self) -> Selection | None:
        """When the weights are selected, the same for all tasks that take part; None keeps the last ones."""
        return next((one.selection for one in self.tasks if one.selection is not None), None)

    def data_keys(self) -> tuple[str, ...]:
        """Return the keys of the training sets."""
        return tuple(one.data for one in self.tasks)

    def needs(self) -> tuple[str, ...]:
        """Return the nodes that have to be finished before."""
        selections = (one.selection.data for one in self.tasks if one.selection is not None)
        adapters = (key for one in self.tasks for key in one.languages.adapters())
        return (*self.data_keys(), *selections, *adapters)

    def identity(self) -> dict[str, Any]:
        """Return what of the mixture itself decides the weights."""
        return {
            "tasks": [{**one.identity(), "head": one.head} for one in self.tasks],
            "sampling": asdict(self.sampling),
            **asdict(self.optimisation),
        }


def ordered(tasks: Iterable[Taught]) -> tuple[Taught, ...]:
    """Return the tasks in the order of their identities, which begin with the keys of their data; heads numbered."""
    heads: list[Task] = []
    found = []
    for one in sorted(tasks, key=lambda one: canonical(one.identity())):
        place = next((place for place, task in enumerate(heads) if same_head(task, one.task)), len(heads))
        if place == len(heads):
            heads.append(one.task)
        found.append(replace(one, head=place))
    return tuple(found)


def notes(recipe: Recipe) -> list[str]:
    """Return which settings of tasks do not count where they are learned in a mixture."""
    found = []
    for name in recipe.document.sweep.learned():
        if name not in recipe.document.mixtures:
            continue
        for task in recipe.members(name):
            settings = recipe.settings(task)
            found += _unselecting(recipe, name, task)
            given = (("epochs", settings.epochs), ("batch", settings.batch))
            found += [
                f"{name}: tasks.{task}.{field} does not count in a mixture; mixtures.{name}.{field} does"
                for field, value in given
                if value is not None
            ]
    return found


def _unselecting(recipe: Recipe, name: str, task: str) -> list[str]:
    """Return what of a task's `select` does not count in a mixture: when to evaluate is one for all its tasks."""
    select = recipe.settings(task).select
    given = [] if select is None else [field for field in ("every", "patience") if field in select.model_fields_set]
    there = recipe.document.train.select is not None
    instead = "train.select.{} does" if there else "the weights are scored after each epoch"
    return [
        f"{name}: tasks.{task}.select.{field} does not count in a mixture; {instead.format(field)}" for field in given
    ]
