"""compose: intermediates put together, with the head of one of them; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from layover.canonical import aside
from layover.numerics import Precision
from layover.specs._on_encoder import HeadOutputs, OnEncoder
from layover.specs._plugins import Thing, answering


@dataclass(frozen=True, kw_only=True)
class ComposeSpec(OnEncoder):
    """Composed intermediates that nothing is trained after."""

    step: ClassVar[str] = "compose"
    order: ClassVar[int] = 50
    version: ClassVar[int] = 1

    kind: str | None
    """None for targets without a head."""
    labels: tuple[str, ...]
    head: str | None
    """Key of the training whose head it is."""
    precision: Precision
    seed: int
    name: str = aside("")
    """Of the task."""
    source_language: str | None = aside(None)
    """The language that the head was trained on."""

    @property
    def computes_in(self) -> Precision:
        """In which numbers the encoder computes."""
        return self.precision

    @property
    def drawn_by(self) -> int:
        """The seed of what a composition draws."""
        return self.seed

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in: the composition, the modules, and the head."""
        yield from super().things()
        if self.kind is not None:
            yield from answering(self.kind)

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name

    def speaks(self, language: str | None) -> str | None:  # noqa: ARG002
        """Return the language that its head was trained on: that of an intermediate."""
        return self.source_language

    def takes_head(self) -> str | None:
        """Return the key of the node whose head it hands on."""
        return self.head

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return what its head answers, where it has one."""
        return () if self.kind is None else ((self.kind, self.labels),)


SPEC = ComposeSpec
