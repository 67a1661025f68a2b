"""Sections of a recipe that say what is learned beside its tasks: mixtures, language adapters, imported modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layover.settings import (
    Count,
    Epochs,
    Factor,
    HiddenShare,
    LearningRate,
    Length,
    RecipeSection,
    SamplingTemperature,
    Seed,
)


class Mixture(RecipeSection):
    """One module for several tasks, and a head for each of them, shared where outputs are the same."""

    tasks: tuple[str, ...]
    sampling: Literal["proportional", "uniform", "temperature"] = "proportional"
    """Steps in proportion to the sizes n, equally many for each task, or in proportion to n^(1 / temperature)."""
    temperature: SamplingTemperature | None = None
    cap: Count | None = None
    """Of a task's training units at most so many count, for the sizes and for the length of an epoch."""
    weights: dict[str, Factor] = Field(default_factory=dict)
    """Factors on the tasks' shares; 1 where none is given."""
    epochs: Epochs | None = None
    """Those of `train` when not given, as the batch; without these the default of the module."""
    batch: Count | None = None

    def exponent(self) -> float:
        """Return the power of a size that a share is in proportion to."""
        if self.sampling == "temperature" and self.temperature is not None:
            return 1 / self.temperature
        return 0.0 if self.sampling == "uniform" else 1.0


class LanguageSettings(BaseModel):
    """One module per language, learned by masked language modelling; the keys of the module stand beside these."""

    model_config = ConfigDict(extra="allow", frozen=True)

    module: str
    text: dict[str, str] = Field(min_length=1)
    """Language -> a file below `data_root`, one text per line or row; or a task of masked language modelling."""
    fallback: str | None = None
    """The language whose adapter takes the place of one that has no text; without it such a language is an error."""
    lr: LearningRate | None = None
    """Peak learning rate; the module's own default when not given."""
    epochs: Epochs | None = None
    """Those of `train` when not given, as the next two; without these the default of the module."""
    batch: Count | None = None
    max_length: Length | None = None
    mlm_probability: HiddenShare | None = None
    """Share of the tokens that are to be guessed, in whole percents; 0.15 when not given."""
    limit: Count | None = None
    """At most so many texts of each language."""
    seed: Seed = 1
    """An adapter is learned once, and used by all methods and seeds of the sweep."""

    def task_settings(self) -> dict[str, object]:
        """Return what holds for the training on a text as it does for a task's, what is not given left out."""
        names = ("epochs", "batch", "max_length", "mlm_probability")
        given = {name: value for name, value in self.model_dump(include={*names}).items() if value is not None}
        return given | ({"limit": {"train": self.limit}} if self.limit is not None else {})


HubId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="a repository of the hub, org/name",
    ),
]
Revision = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        description="a commit, a branch or a tag of letters, digits, `.`, `_`, `/` and `-`",
    ),
]


class ImportedModule(RecipeSection):
    """Where a module lies: a folder in peft's or AdapterHub's layout, or a package of Layover."""

    path: Annotated[str, Field(min_length=1)] | None = None
    """A folder, relative to the recipe's own."""
    hub: HubId | None = None
    """A repository of the hub instead, `org/name`."""
    revision: Revision | None = None
    """Of the hub: a commit, or a branch or tag, which is resolved to one before anything runs."""
    task: str | None = None
    """What it was trained on, so that a plan can say what of a target it has seen; a package says it itself."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("lies in one place: name its folder with path, or its repository with hub and revision")
        if self.hub is not None and self.revision is None:
            raise ValueError("a module of the hub needs its revision: a commit, a tag or a branch")
        if self.path is not None and self.revision is not None:
            raise ValueError("a folder has no revision; that belongs to hub")
        return self


@dataclass(frozen=True)
class ImportedHead:
    """The head that an imported module comes with."""

    kind: str
    labels: tuple[str, ...]
    """In the order of its outputs."""
    language: str | None
    """Of its training data."""


@dataclass(frozen=True)
class ImportedFacts:
    """What the files of an imported module say of it, whatever encoder it meets."""

    head: ImportedHead | None
    tasks: tuple[str, ...]
    """What it was trained on, as the recipe or its card says; empty where neither does."""
