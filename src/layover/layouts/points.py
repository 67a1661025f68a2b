"""Where modules attach in the encoders of the BERT family: the one description of their inner names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layover.errors import ModelError, nearest
from layover.modules import INNER


@dataclass(frozen=True)
class Points:
    """Paths inside an encoder of transformers."""

    layers: str
    """The list of layers."""
    embeddings: str
    """Ends in `dropout`."""
    linears: Mapping[str, str]
    """Name of a linear map (`modules.LINEARS`) -> path inside a layer."""
    inner: str
    """Path inside a layer of the block whose output are the inner activations of the feed-forward part."""
    sublayers: Mapping[str, str]
    """Name of a sublayer (`modules.SUBLAYERS`) -> path inside a layer of what ends it: a block that is called
    with (hidden, residual) and has `dense`, `dropout` and `LayerNorm`."""
    first_position_after_padding: bool
    """Positions are counted from the padding token's id + 1 (as in fairseq), not from 0."""

    @property
    def sources(self) -> Mapping[str, str]:
        """Name of a linear map, or `modules.INNER` -> path inside a layer of what gives it out."""
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


def _bert_layers(*, first_position_after_padding: bool) -> Points:
    return Points(
        layers="encoder.layer",
        embeddings="embeddings",
        linears={
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "attention_output": "attention.output.dense",
            "intermediate": "intermediate.dense",
            "output": "output.dense",
        },
        inner="intermediate",
        sublayers={"attention": "attention.output", "feedforward": "output"},
        first_position_after_padding=first_position_after_padding,
    )


_BERT = _bert_layers(first_position_after_padding=False)
_ROBERTA = _bert_layers(first_position_after_padding=True)

FAMILIES: Mapping[str, Points] = {
    "bert": _BERT,
    "camembert": _ROBERTA,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
}
"""`model_type` of a transformers config -> points."""


def points_of(model_type: str) -> Points:
    """Return the points of a model type.

    Raises:
        ModelError: modules cannot attach to this type of encoder.
    """
    if model_type not in FAMILIES:
        supported = ", ".join(sorted(FAMILIES))
        raise ModelError(
            f"unsupported encoder type {model_type!r} (supported: {supported}); {nearest(model_type, FAMILIES)}"
        )
    return FAMILIES[model_type]
