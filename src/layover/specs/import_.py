"""import: a module that was trained elsewhere, checked against an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from layover.canonical import Canonical, aside
from layover.layouts import Base
from layover.specs._on_encoder import HeadOutputs, ModuleStep
from layover.specs._plugins import PluginName, kind_and_head
from layover.specs._spec import known


class ModuleOrigin(Protocol):
    """The place of a module's files."""

    def place(self, name: str) -> Path:
        """Return the path of a file."""
        ...

    def at_hand(self) -> AbstractContextManager[Path]:
        """Yield a folder with the files, which exists inside the block."""
        ...


@dataclass(frozen=True)
class HeadSpec(Canonical):
    """The head that a module comes with."""

    weights: str
    """SHA-256 of its file."""
    kind: str
    labels: tuple[str, ...]
    """In the order of its outputs."""
    language: str | None = aside(None)
    """The language of its training data."""


@dataclass(frozen=True, kw_only=True)
class ImportSpec(ModuleStep):
    """A module of another library, or of a package, with canonical names of its weights."""

    step: ClassVar[str] = "import"
    order: ClassVar[int] = 30
    version: ClassVar[int] = 1

    weights: str
    """SHA-256 of its file."""
    belongs_to: str | None
    """Hash of the weights of the encoder that its card names; None without a card."""
    head: HeadSpec | None
    name: str = aside("")
    """Its name in the recipe."""
    fits: Base | None = aside(None)
    """Model type and shape of the encoder; None if the specification was read from the store."""
    origin: ModuleOrigin | None = aside(None)
    files: Mapping[str, str] = aside(factory=dict)
    """Name of a file with weights -> its SHA-256 when the plan was made."""
    package: str | None = aside(None)
    """Name of the package; None if another library wrote the module."""
    skipped: int = aside(0)
    """Number of lowest layers without the module in predictions, as its card states."""
    tasks: tuple[str, ...] = aside(())
    """The tasks that it was trained on, as far as they are known."""

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of module, kind and head, which may be plug-ins."""
        yield from super().plugin_names()
        if self.head is not None:
            yield from kind_and_head(self.head.kind)

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return kind and labels of its head; empty without a head."""
        return () if self.head is None else ((self.head.kind, self.head.labels),)

    def claimed_tasks(self) -> tuple[str, ...]:
        """Return the tasks that it was trained on according to the recipe or the card."""
        return self.tasks

    def located(self) -> tuple[Base, ModuleOrigin]:
        """Return model type and shape of the encoder, and the place of the files.

        Raises:
            NodeError: they are unknown.
        """
        return known(self.fits, "the shape of the encoder"), known(self.origin, "the place of modules")


SPEC = ImportSpec
