"""A checked recipe: names resolved, settings parsed, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from pydantic import ConfigDict, Field

from layover.compositions import Composition
from layover.modules import AdapterDrop, Module
from layover.numerics import Precision
from layover.recipe.file import RecipeFile
from layover.recipe.learned import ImportedFacts
from layover.recipe.objectives import StageObjectives
from layover.recipe.schema import NO_INTERMEDIATE, Document, TaskSettings, Tune
from layover.samplers import NumberSearch, Path, Values
from layover.settings import RecipeSection
from layover.tasks import Task


class ResolvedMethod(RecipeSection):
    """A method with its module's settings parsed and its defaults filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str
    module: Module
    composition: Composition
    continues_head: bool
    lr: float
    epochs: float | None = None
    """Epochs of its trainings; None takes those of the recipe, the task and the module."""
    dropout: float
    weight_decay: float
    precision: Precision
    adapterdrop: AdapterDrop
    objectives: StageObjectives = StageObjectives()
    languages: bool = False
    trial: str = ""
    """The values that a search gives it, `lr=0.001`; empty without a search."""
    before: ResolvedMethod | None = None
    """The values of the intermediates, if they differ from those of the target."""

    @property
    def label(self) -> str:
        """`lora`, or `lora (lr=0.001)` with the values of a search."""
        return f"{self.name} ({self.trial})" if self.trial else self.name

    @property
    def of_intermediates(self) -> ResolvedMethod:
        """The method with the values that its intermediates are trained with."""
        return self.before or self

    @cached_property
    def values(self) -> str:
        """All fields as text, which is equal for equal methods."""
        return repr(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values; its `values` are computed again, because pydantic copies cached values."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("values", None)
        return copied


@dataclass(frozen=True)
class Trial:
    """One point of a search."""

    values: Values
    method: ResolvedMethod
    """The method with these values."""

    @property
    def name(self) -> str:
        """`lr=0.001 rank=8`."""
        return self.method.trial


@dataclass(frozen=True)
class TunedMethod:
    """The searches of a method, and the trials that they ask for."""

    searches: Mapping[Path, NumberSearch]
    trials: tuple[Trial, ...]


def named(values: Values) -> str:
    """Return the name of a point: `lr=0.001 rank=8`."""
    return " ".join(f"{'.'.join(path)}={value!r}" for path, value in values.items())


class LanguageAdapters(RecipeSection):
    """The recipe's language adapters: the method of learning them, and their texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    method: ResolvedMethod
    """Module, learning rate and so on."""
    texts: dict[str, Task]
    """Language -> the task of learning it."""
    settings: dict[str, TaskSettings]
    """Name of the task -> its settings."""
    fallback: str | None
    seed: int

    def adapter_of(self, language: str) -> str | None:
        """Return the language whose adapter acts on text of `language`: itself or the fallback; None without both."""
        return language if language in self.texts else self.fallback


class Recipe(RecipeSection):
    """A checked recipe: every name in it is known and every combination has a meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    document: Document
    methods: dict[str, ResolvedMethod]
    """A method with searches has the values of its first trial."""
    tuned: dict[str, TunedMethod] = Field(default_factory=dict)
    """Method -> its searches and trials."""
    tasks: dict[str, Task]
    """Every task that the sweep or a mixture names, and the tasks that they train on."""
    languages: LanguageAdapters | None = None
    imported: dict[str, ImportedFacts] = Field(default_factory=dict)
    """Facts of the imported modules on the axis, once a plan has opened them."""
    source: RecipeFile
    """The file of the recipe, for messages."""

    def place_of(self, task: str) -> tuple[str | int, ...]:
        """Return the path in the recipe at which a task is named: its settings, else its place in the sweep."""
        if task in self.document.tasks:
            return ("tasks", task)
        sweep = self.document.sweep
        if task in sweep.target:
            return ("sweep", "target", sweep.target.index(task))
        for index, names in enumerate(sweep.intermediates().values()):
            if task in names:
                return ("sweep", "intermediate", index)
        for name, mixture in self.document.mixtures.items():
            if task in mixture.tasks:
                return ("mixtures", name, "tasks", mixture.tasks.index(task))
        return ("tasks",)

    def variants(self, method: str) -> list[ResolvedMethod]:
        """Return a method with the values of each of its trials; the method itself without a search."""
        return [trial.method for trial in self.tuned[method].trials] if method in self.tuned else [self.methods[method]]

    @property
    def tune(self) -> Tune:
        """How its searches are run."""
        return self.document.tune or Tune()

    def full_methods(self) -> list[str]:
        """Return the methods of the sweep that train all weights of the encoder."""
        return [name for name in self.document.sweep.method if self.methods[name].module.whole]

    def baseline(self) -> str | None:
        """Return the full method that the others are compared with; None without one."""
        full = self.full_methods()
        tuned = [name for name in full if name in self.tuned]
        if self.document.baseline is not None:
            return self.document.baseline
        return tuned[0] if len(tuned) == 1 else next(iter(full), None)

    def learned(self, intermediate: str) -> tuple[str, ...]:
        """Return the names in an intermediate: one name, several names of a list, nothing for `none`."""
        return () if intermediate == NO_INTERMEDIATE else self.document.sweep.intermediates()[intermediate]

    def members(self, name: str) -> tuple[str, ...]:
        """Return the tasks that an intermediate trains on; see `Document.members`."""
        return self.document.members(name)

    def settings(self, task: str) -> TaskSettings:
        """Return the recipe's settings of a task; the defaults if it has none."""
        if self.languages is not None and task in self.languages.settings:
            return self.languages.settings[task]
        return self.document.tasks.get(task, TaskSettings())
