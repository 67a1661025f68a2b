"""predict: the predictions of a trained task in one language, or the sentences that an encoder matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from layover.canonical import Canonical, aside, later
from layover.errors import NodeError
from layover.identity import Json
from layover.numerics import Precision
from layover.objectives import Attack
from layover.specs._on_encoder import EncoderStep
from layover.specs._plugins import PluginName, kind_and_head


@dataclass(frozen=True)
class Matching(Canonical):
    """How sentences are embedded and matched if no head is used."""

    layers: tuple[int, ...]
    """The layers whose hidden states are embeddings; each layer is searched separately."""
    special_tokens: bool
    scoring: str
    mining: bool
    """Whether pairs are mined among all sentences."""
    precision: Precision

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; a single layer is written without a list."""
        values = super().canonical()
        del values["layers"]
        return {**values, "layer": self.layers[0] if len(self.layers) == 1 else list(self.layers)}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the value of a canonical form."""
        if "layer" not in values or "layers" in values:
            raise ValueError("Matching: 'layer' is missing" if "layer" not in values else "Matching has no 'layers'")
        rest = {name: value for name, value in values.items() if name != "layer"}
        layer = values["layer"]
        return super().parse({**rest, "layers": layer if isinstance(layer, list) else [layer]})


@dataclass(frozen=True, kw_only=True)
class PredictSpec(EncoderStep):
    """One tokenized set, read by an encoder with its modules."""

    step: ClassVar[str] = "predict"
    order: ClassVar[int] = 70
    version: ClassVar[int] = 4
    encodes: ClassVar[bool] = True

    train: str | None
    """Key of the training or of the composition; None for the pretrained encoder alone."""
    data: str
    """Key of the tokenized set."""
    matching: Matching | None = later(None, name="retrieval")
    """retrieval: sentences are matched, and no head is used."""
    skipped: int = later(0)
    """Number of lowest layers without modules."""
    adapters: tuple[str, ...] = later(())
    """Keys of the language adapters below: for the text, and in retrieval also for the English side; empty in a method
    without language adapters."""
    attack: Attack | None = later(None)
    """How the embeddings of the inputs are perturbed; None predicts the inputs as they are."""
    kind: str = aside("")
    labels: tuple[str, ...] = aside(())
    name: str = aside("")
    """Name of the task."""
    language: str = aside("")
    precision: Precision = aside("fp32")
    """The number format of the encoder's arithmetic; the key of the training, or `matching`, contains it."""

    def plugin_names(self) -> Iterator[PluginName]:
        """Yield the names of kind and head, which may be plug-ins."""
        yield from super().plugin_names()
        yield from kind_and_head(self.kind)

    @property
    def of_task(self) -> str:
        """The task that it belongs to."""
        return self.name

    def known_matching(self) -> Matching:
        """Return how sentences are matched.

        Raises:
            NodeError: a head predicts, and no sentences are matched.
        """
        if self.matching is None:
            raise NodeError(f"{self.name}: a head predicts, and no sentences are matched")
        return self.matching

    def canonical(self) -> dict[str, Json]:
        """Return the canonical form; with a head, the key of its training already contains the encoder."""
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
            raise ValueError("PredictSpec: 'retrieval' is missing; without it 'encoder' is not allowed")
        return {"encoder": {}, **rest}


SPEC = PredictSpec
