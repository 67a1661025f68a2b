"""import: a module that was trained elsewhere, held against an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from layover.canonical import Canonical, aside
from layover.layouts import Base
from layover.specs._on_encoder import HeadOutputs, ModuleStep
from layover.specs._plugins import Thing, answering
from layover.specs._spec import known


class ModuleOrigin(Protocol):
    """Where the files of a module are."""

    def place(self, name: str) -> Path:
        """Return where a file is."""
        ...

    def at_hand(self) -> AbstractContextManager[Path]:
        """Yield a folder with the files for a while."""
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
    """Of its training data."""


@dataclass(frozen=True, kw_only=True)
class ImportSpec(ModuleStep):
    """A module of another library, or of a package, under canonical names."""

    step: ClassVar[str] = "import"
    order: ClassVar[int] = 30
    version: ClassVar[int] = 1

    weights: str
    """SHA-256 of its file."""
    belongs_to: str | None
    """Hash of the weights of the encoder that its card names; None without a card."""
    head: HeadSpec | None
    name: str = aside("")
    """In the recipe."""
    fits: Base | None = aside(None)
    """The encoder as modules see it; None where the specification was read from the store."""
    origin: ModuleOrigin | None = aside(None)
    files: Mapping[str, str] = aside(factory=dict)
    """Name of a file with weights -> its SHA-256 when the plan was made."""
    package: str | None = aside(None)
    """What the package is called; None where another library wrote the module."""
    skipped: int = aside(0)
    """Lowest layers that go without it in predictions, as its card says."""
    tasks: tuple[str, ...] = aside(())
    """What it was trained on, as far as it is known."""

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in: the module, and the head."""
        yield from super().things()
        if self.head is not None:
            yield from answering(self.head.kind)

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return what its head answers, where it has one."""
        return () if self.head is None else ((self.head.kind, self.head.labels),)

    def claimed_tasks(self) -> tuple[str, ...]:
        """Return the tasks that the recipe or the card says it was trained on."""
        return self.tasks

    def located(self) -> tuple[Base, ModuleOrigin]:
        """Return the encoder as modules see it, and where the files are.

        Raises:
            NodeError: that is not known.
        """
        return known(self.fits, "encoders as modules see them"), known(self.origin, "where modules lie")


SPEC = ImportSpec
