"""compose: composed intermediates with the head of one of them; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from layover.canonical import aside
from layover.numerics import Precision
from layover.specs._on_encoder import HeadOutputs, OnEncoder
from layover.specs._plugins import PluginName, kind_and_head


@dataclass(frozen=True, kw_only=True)
class ComposeSpec(OnEncoder):
    """Composed intermediates without further training."""

    step: ClassVar[str] = "compose"
    order: ClassVar[int] = 50
    version: ClassVar[int] = 1

    kind: str | None
    """None for targets without a head."""
    labels: tuple[str, ...]
    head: str | None
    """Key of the training whose head is used."""
    precision: Precision
    seed: int
    name: str = aside("")
    """Of the task."""
    source_language: str | None = aside(None)
    """The language that the head was trained on."""

    @property
    def computes_in(self) -> Precision:
        """The number format of the encoder's arithmetic."""
        return self.precision

    @property
    def drawn_by(self) -> int:
        """The seed of random numbers in a composition."""
        return self.seed

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of composition, modules, kind and head, which may be plug-ins."""
        yield from super().plugin_names()
        if self.kind is not None:
            yield from kind_and_head(self.kind)

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name

    def head_language(self, language: str | None) -> str | None:  # noqa: ARG002
        """Return the language that its head was trained on: the language of an intermediate."""
        return self.source_language

    def takes_head(self) -> str | None:
        """Return the key of the node whose head it copies."""
        return self.head

    def outputs(self) -> tuple[HeadOutputs, ...]:
        """Return kind and labels of its head; empty without a head."""
        return () if self.kind is None else ((self.kind, self.labels),)


SPEC = ComposeSpec
