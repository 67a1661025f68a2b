"""tokenize: the data of one (task, split, language), read, cut to a subset and encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

from layover import plugins
from layover.canonical import Canonical, aside, later
from layover.data.augment import Augment
from layover.data.subset import Subset
from layover.data.task import Place
from layover.identity import Json
from layover.specs._encoder import EncoderSpec, TokenizerSpec
from layover.specs._perturbed import PerturbedTexts
from layover.specs._plugins import PluginName
from layover.specs._spec import StepSpec, known
from layover.tasks import Task

USUAL_PERCENT = 15
"""mlm: default share of masked tokens. Keys do not contain it, so it never changes."""


@dataclass(frozen=True)
class DataSpec(Canonical):
    """Examples, by the content of their files or the commit of a hub data set, and by the settings of reading."""

    identity: Mapping[str, Json]
    """The result of `Place.identity`."""
    place: Place | None = aside(None)
    """The place of the files; None if the specification was read from the store."""

    def canonical(self) -> dict[str, Json]:
        """Return the identity of the place."""
        return dict(self.identity)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the data of an identity, without their place."""
        return cls(dict(values))

    def formats(self) -> Iterator[str]:
        """Yield the formats of the files; nothing for the hub."""
        joined = self.identity.get("joined")
        for part in joined if isinstance(joined, Sequence) else (self.identity,):
            layouts = part.get("layouts") if isinstance(part, Mapping) else None
            for layout in layouts if isinstance(layouts, Sequence) else ():
                if isinstance(layout, Mapping):
                    yield str(layout["format"])

    def at(self) -> Place:
        """Return the place of the examples.

        Raises:
            NodeError: the place is unknown.
        """
        return cast(Place, known(self.place, "the place of data"))


@dataclass(frozen=True, kw_only=True)
class TokenizeSpec(StepSpec):
    """Examples of a task, encoded by the tokenizer of an encoder."""

    step: ClassVar[str] = "tokenize"
    order: ClassVar[int] = 10
    version: ClassVar[int] = 5
    only_tokenizer: ClassVar[bool] = True

    data: DataSpec
    subset: Subset
    kind: str
    labels: tuple[str, ...]
    tokenizer: TokenizerSpec
    max_length: int
    """Most tokens of a row."""
    stride: int | None = later(None)
    """span: number of tokens that neighbouring windows share."""
    hidden_percent: int = later(USUAL_PERCENT)
    """mlm: share of masked tokens in percent."""
    without: tuple[DataSpec, ...] = later(())
    """Data whose texts are left out."""
    augment: Augment | None = later(None)
    """training data: how its examples are copied with synonyms; None copies nothing."""
    perturbed: PerturbedTexts | None = later(None)
    """How the texts are changed; None for the texts of the data."""
    declared: Task | None = aside(None)
    """None if the specification was read from the store."""
    encoder: EncoderSpec = aside(EncoderSpec())
    """The encoder of the tokenizer."""
    count: int | None = aside(None)
    """Examples of the whole split, counted or published, for estimates."""
    tokens_each: float | None = aside(None)
    """Mean number of tokens of an example, over all its rows, measured on a sample; None if unknown."""

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of the kind and of the file formats, which may be plug-ins."""
        yield from super().plugin_names()
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
            NodeError: the task is unknown.
        """
        return known(self.declared, "tasks")

    @property
    def location(self) -> Place:
        """The place of the data."""
        return self.data.at()

    @property
    def places(self) -> tuple[Place, ...]:
        """The places of the data, and of the data whose texts are left out."""
        return (self.location, *(data.at() for data in self.without))


SPEC = TokenizeSpec
