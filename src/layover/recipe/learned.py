"""Sections of a recipe for mixtures, language adapters and imported modules."""

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
    """A module for several tasks, with a head for each task; tasks with the same outputs share a head."""

    tasks: tuple[str, ...]
    sampling: Literal["proportional", "uniform", "temperature"] = "proportional"
    """How steps are shared: in proportion to the sizes n, equally, or in proportion to n^(1 / temperature)."""
    temperature: SamplingTemperature | None = None
    cap: Count | None = None
    """Largest number of a task's training units that counts for the sizes and for the length of an epoch."""
    weights: dict[str, Factor] = Field(default_factory=dict)
    """Task -> factor on its share; 1 by default."""
    epochs: Epochs | None = None
    """Default: `train.epochs`, else the module's own number. `batch` works alike."""
    batch: Count | None = None

    def exponent(self) -> float:
        """Return the exponent of a size; a task's share is in proportion to this power."""
        if self.sampling == "temperature" and self.temperature is not None:
            return 1 / self.temperature
        return 0.0 if self.sampling == "uniform" else 1.0


class LanguageSettings(BaseModel):
    """One module per language, learned by masked language modelling; the module's own keys are in the same section."""

    model_config = ConfigDict(extra="allow", frozen=True)

    module: str
    text: dict[str, str] = Field(min_length=1)
    """Language -> a file below `data_root`, one text per line or row; or a task of masked language modelling."""
    fallback: str | None = None
    """The language whose adapter acts on a language without text; without a fallback such a language is an error."""
    lr: LearningRate | None = None
    """Peak learning rate; default: the module's own."""
    epochs: Epochs | None = None
    """Default: `train.epochs`, else the module's own number. `batch` and `max_length` work alike."""
    batch: Count | None = None
    max_length: Length | None = None
    mlm_probability: HiddenShare | None = None
    """Share of masked tokens, in whole percents; default: 0.15."""
    limit: Count | None = None
    """Most texts of each language."""
    seed: Seed = 1
    """Seed of the adapters; all methods and seeds of the sweep use the same adapters."""

    def task_settings(self) -> dict[str, object]:
        """Return the given settings that a training on a text shares with a task."""
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
    """The place of a module: a folder in peft's or AdapterHub's layout, or a package of Layover."""

    path: Annotated[str, Field(min_length=1)] | None = None
    """A folder, relative to the recipe's own."""
    hub: HubId | None = None
    """A repository of the hub instead of a folder, `org/name`."""
    revision: Revision | None = None
    """A commit, branch or tag of the hub; a branch or tag is resolved to a commit before the run."""
    task: str | None = None
    """The task that it was trained on, so that a plan can report overlap with a target; a package names it itself."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("needs exactly one place; set path for a folder, or hub and revision for a repository")
        if self.hub is not None and self.revision is None:
            raise ValueError("a module of the hub needs its revision; name a commit, a tag or a branch")
        if self.path is not None and self.revision is not None:
            raise ValueError("a folder has no revision; remove it, or use hub instead of path")
        return self


@dataclass(frozen=True)
class ImportedHead:
    """The head that an imported module comes with."""

    kind: str
    labels: tuple[str, ...]
    """In the order of its outputs."""
    language: str | None
    """The language of its training data."""


@dataclass(frozen=True)
class ImportedFacts:
    """The facts that the files of an imported module state, the same for every encoder."""

    head: ImportedHead | None
    tasks: tuple[str, ...]
    """The tasks that it was trained on, as the recipe or its card states; empty if unknown."""
