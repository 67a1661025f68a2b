"""A checked recipe: names resolved, settings parsed, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import ConfigDict, Field

from layover.compositions import Composition
from layover.modules import AdapterDrop, Module
from layover.numerics import Precision
from layover.recipe.file import RecipeFile
from layover.recipe.learned import ImportedFacts
from layover.recipe.schema import NO_INTERMEDIATE, Document, TaskSettings
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
    dropout: float
    weight_decay: float
    precision: Precision
    adapterdrop: AdapterDrop
    languages: bool = False

    @cached_property
    def values(self) -> str:
        """All fields as text, which is equal for equal methods."""
        return repr(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values; its `values` are computed again, because pydantic copies cached values."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("values", None)
        return copied


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
