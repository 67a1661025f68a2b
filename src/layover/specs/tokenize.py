"""tokenize: one (task, split, language), read, cut to a subset and encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

from layover import plugins
from layover.canonical import Canonical, aside, later
from layover.data.subset import Subset
from layover.data.task import Place
from layover.identity import Json
from layover.specs._encoder import EncoderSpec, TokenizerSpec
from layover.specs._plugins import Thing
from layover.specs._spec import StepSpec, known
from layover.tasks import Task

USUAL_PERCENT = 15
"""mlm: share of the hidden tokens that old keys do not name; it never changes."""


@dataclass(frozen=True)
class DataSpec(Canonical):
    """Examples, by the content of their files, or by the commit of a hub data set, and by how they are read."""

    identity: Mapping[str, Json]
    """See `Location.identity`."""
    place: Place | None = aside(None)
    """Where they lie; None where the specification was read from the store."""

    def canonical(self) -> dict[str, Json]:
        """Return the identity of the place."""
        return dict(self.identity)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the data of an identity, wherever they lie."""
        return cls(dict(values))

    def formats(self) -> Iterator[str]:
        """Yield the formats of the files; none for the hub."""
        joined = self.identity.get("joined")
        for part in joined if isinstance(joined, Sequence) else (self.identity,):
            layouts = part.get("layouts") if isinstance(part, Mapping) else None
            for layout in layouts if isinstance(layouts, Sequence) else ():
                if isinstance(layout, Mapping):
                    yield str(layout["format"])

    def at(self) -> Place:
        """Return where the examples lie.

        Raises:
            NodeError: that is not known.
        """
        return cast(Place, known(self.place, "where data lie"))


@dataclass(frozen=True, kw_only=True)
class TokenizeSpec(StepSpec):
    """Examples of a task, encoded by the tokenizer of an encoder."""

    step: ClassVar[str] = "tokenize"
    order: ClassVar[int] = 10
    version: ClassVar[int] = 4
    only_tokenizer: ClassVar[bool] = True

    data: DataSpec
    subset: Subset
    kind: str
    labels: tuple[str, ...]
    tokenizer: TokenizerSpec
    max_length: int
    """Tokens of a row."""
    stride: int | None = later(None)
    """span: tokens that neighbouring windows share."""
    hidden_percent: int = later(USUAL_PERCENT)
    """mlm: share of the tokens that are to be guessed."""
    without: tuple[DataSpec, ...] = later(())
    """Data whose texts are left out."""
    declared: Task | None = aside(None)
    """None where the specification was read from the store."""
    encoder: EncoderSpec = aside(EncoderSpec())
    """Whose tokenizer it is."""
    count: int | None = aside(None)
    """Examples of the whole split, as read or as published, for estimates."""
    tokens_each: float | None = aside(None)
    """Tokens of an average example, all its rows together, measured on a sample; None where they are not known."""

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in: the kind and the formats of the files."""
        yield from super().things()
        yield plugins.KINDS, self.kind
        for data in (self.data, *self.without):
            yield from ((plugins.FORMATS, name) for name in data.formats())

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.declared.name if self.declared is not None else ""

    def read_encoder(self) -> EncoderSpec:
        """Return the encoder whose files the step reads."""
        return self.encoder

    @property
    def task(self) -> Task:
        """The task, which reads the data.

        Raises:
            NodeError: it is not known.
        """
        return known(self.declared, "tasks")

    @property
    def location(self) -> Place:
        """Where the data lie."""
        return self.data.at()

    @property
    def places(self) -> tuple[Place, ...]:
        """The data, and those whose texts are left out."""
        return (self.location, *(one.at() for one in self.without))


SPEC = TokenizeSpec
