"""predict: what a trained task says of one language, or which sentences of two languages an encoder matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from layover.canonical import Canonical, aside, later
from layover.errors import NodeError
from layover.identity import Json
from layover.numerics import Precision
from layover.specs._on_encoder import EncoderStep
from layover.specs._plugins import Thing, answering


@dataclass(frozen=True)
class Matching(Canonical):
    """How sentences are embedded and matched where no head is asked."""

    layers: tuple[int, ...]
    """Those whose hidden states are embeddings, each searched for itself."""
    special_tokens: bool
    scoring: str
    mining: bool
    """Whether pairs are mined among all sentences."""
    precision: Precision

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; a single layer stands there without a list."""
        values = super().canonical()
        del values["layers"]
        return {**values, "layer": self.layers[0] if len(self.layers) == 1 else list(self.layers)}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the value of a canonical form."""
        if "layer" not in values or "layers" in values:
            raise ValueError("Matching: there is no 'layer'" if "layer" not in values else "Matching has no 'layers'")
        rest = {name: value for name, value in values.items() if name != "layer"}
        layer = values["layer"]
        return super().parse({**rest, "layers": layer if isinstance(layer, list) else [layer]})


@dataclass(frozen=True, kw_only=True)
class PredictSpec(EncoderStep):
    """One tokenized set, read by an encoder with what is on it."""

    step: ClassVar[str] = "predict"
    order: ClassVar[int] = 70
    version: ClassVar[int] = 4
    encodes: ClassVar[bool] = True

    train: str | None
    """Key of the training, or of what was composed without one; None for the pretrained encoder as it is."""
    data: str
    """Key of the tokenized set."""
    matching: Matching | None = later(None, name="retrieval")
    """retrieval: no head is asked, sentences are matched."""
    skipped: int = later(0)
    """Lowest layers that go without modules."""
    adapters: tuple[str, ...] = later(())
    """Keys of the language adapters that act below: of the text, and in retrieval of the English side; none in a method
    without."""
    kind: str = aside("")
    labels: tuple[str, ...] = aside(())
    name: str = aside("")
    """Of the task."""
    language: str = aside("")
    precision: Precision = aside("fp32")
    """In which numbers the encoder computes; the training's key, or `matching`, knows it."""

    def things(self) -> Iterator[Thing]:
        """Yield whatever computes the step and may be a plug-in: what answers, and decodes the answers."""
        yield from super().things()
        yield from answering(self.kind)

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name

    def known_matching(self) -> Matching:
        """Return how sentences are matched.

        Raises:
            NodeError: a head is asked instead.
        """
        if self.matching is None:
            raise NodeError(f"{self.name}: a head is asked, no sentences are matched")
        return self.matching

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; where a head is asked, the key of its training knows the encoder."""
        values = super().canonical()
        adapters = values.pop("adapters", None)
        if self.matching is None:
            del values["encoder"]
            return values if adapters is None else {**values, "language": self.adapters[0]}
        return values if adapters is None else {**values, "languages": adapters}

    @classmethod
    def own_fields(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields under their own names."""
        rest = {name: value for name, value in values.items() if name not in ("language", "languages")}
        if "language" in values:
            rest["adapters"] = [values["language"]]
        elif "languages" in values:
            rest["adapters"] = values["languages"]
        if "retrieval" in values:
            return rest
        if "encoder" in values:
            raise ValueError("PredictSpec: there is no 'retrieval', and without it there is no 'encoder'")
        return {"encoder": {}, **rest}


SPEC = PredictSpec
