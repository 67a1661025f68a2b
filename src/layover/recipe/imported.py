"""Imported modules in the recipe: such as were trained elsewhere, and are intermediates here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class ImportedModule(BaseModel):
    """Where a module lies: a folder in peft's or AdapterHub's layout, or a package of Layover."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
class Told:
    """What the files of an imported module say of it, whatever encoder it meets."""

    head: ImportedHead | None
    tasks: tuple[str, ...]
    """What it was trained on, as the recipe or its card says; empty where neither does."""
