"""What every family of encoders is: the names inside it, and what transformers and adapters call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layover.errors import ModelError
from layover.modules import INNER


@dataclass(frozen=True)
class Family:
    """Encoders of transformers with the same inner names."""

    transformers: Mapping[str, str]
    """`model_type` of a transformers config -> the beginning of the names of its classes there: `XLMRoberta`."""
    adapters: Mapping[str, str]
    """`model_type` -> what adapters calls its model with heads; without those that adapters does not take."""
    prefix: str
    """What transformers calls the encoder inside a model with a head."""
    layers: str
    """Path to the list of layers."""
    embeddings: str
    """Path to the embeddings, which end in `dropout`."""
    linears: Mapping[str, str]
    """Name of a linear map (`modules.LINEARS`) -> path inside a layer."""
    inner: str
    """Path inside a layer of the block whose output are the inner activations of the feed-forward part."""
    sublayers: Mapping[str, str]
    """Name of a sublayer (`modules.SUBLAYERS`) -> path inside a layer of what ends it: a block that is called
    with (hidden, residual) and has `dense`, `dropout` and `LayerNorm`."""
    first_position_after_padding: bool
    """Positions are counted from the padding token's id + 1 (as in fairseq), not from 0."""
    classifies_without_pooler: bool
    """`...ForSequenceClassification` has a head of two layers (`classifier.dense`, `classifier.out_proj`), where others
    read the encoder's pooler."""

    @property
    def sources(self) -> Mapping[str, str]:
        """Name of a linear map, or `modules.INNER` -> path inside a layer of the block that gives it out."""
        return {**self.linears, INNER: self.inner}

    def longest_input(self, positions: int, padding: int | None) -> int:
        """Return how many tokens an encoder takes, from its table of positions and its padding token's id."""
        return positions - self.first_position(padding)

    def first_position(self, padding: int | None) -> int:
        """Return the position of a row's first token, from the padding token's id."""
        if not self.first_position_after_padding:
            return 0
        if padding is None:
            raise ModelError("the encoder's config has no pad_token_id, from which positions are counted")
        return padding + 1
