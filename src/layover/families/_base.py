"""The class of a family of encoders: the names inside it, and its names in transformers and adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layover.errors import ModelError
from layover.modules import INNER


@dataclass(frozen=True)
class Family:
    """Encoders of transformers with the same inner names."""

    transformers: Mapping[str, str]
    """`model_type` of a transformers config -> the prefix of its class names in transformers: `XLMRoberta`."""
    adapters: Mapping[str, str]
    """`model_type` -> the class with heads in adapters, for types that adapters supports."""
    prefix: str
    """The name that transformers gives the encoder inside a model with a head."""
    layers: str
    """Path to the list of layers."""
    embeddings: str
    """Path to the embeddings, which end in `dropout`."""
    linears: Mapping[str, str]
    """Name of a linear map (`modules.LINEARS`) -> path inside a layer."""
    inner: str
    """Path inside a layer of the block whose outputs are the inner activations of the feed-forward sublayer."""
    sublayers: Mapping[str, str]
    """Name of a sublayer (`modules.SUBLAYERS`) -> path inside a layer of its last block, which is called with
    (hidden, residual) and has `dense`, `dropout` and `LayerNorm`."""
    padding: int
    """The padding token's id if a config does not name it."""
    first_position_after_padding: bool
    """Whether positions start at the padding token's id + 1 (as in fairseq), instead of 0."""
    classifies_without_pooler: bool
    """Whether the head of `...ForSequenceClassification` has two layers (`classifier.dense`, `classifier.out_proj`)
    and does not use the encoder's pooler."""

    @property
    def sources(self) -> Mapping[str, str]:
        """Name of a linear map, or `modules.INNER` -> path inside a layer of the block with these outputs."""
        return {**self.linears, INNER: self.inner}

    def longest_input(self, positions: int, padding: int | None) -> int:
        """Return the largest number of tokens of an input, from the table of positions and the padding token's id."""
        return positions - self.first_position(padding)

    def first_position(self, padding: int | None) -> int:
        """Return the position of a row's first token, from the padding token's id."""
        if not self.first_position_after_padding:
            return 0
        if padding is None:
            raise ModelError("the encoder's config has no pad_token_id, but positions start after it")
        return padding + 1
