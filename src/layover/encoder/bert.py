"""The parts of a BERT-family encoder, with the names of transformers.

`Flow` runs them on packed rows, so a layer has no forward pass of its own: it holds its linear maps and the ends of its
sublayers. transformers has the same parts, but importing them takes longer than importing torch, and as much memory.

Source: transformers, `models/bert` and `models/xlm_roberta`; Devlin et al. 2019, arXiv:1810.04805.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from layover.encoder.config import EncoderConfig
from layover.errors import ModelError, nearest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    PretrainedModel: TypeAlias = "PreTrainedModel | BertEncoder"
    """An encoder without pooler, ours or of transformers."""

Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {"gelu": functional.gelu, "relu": functional.relu}
"""Activations by the names of transformers; the rare others are imported from there."""


class Linear(nn.Linear):
    """A linear map that draws no weights, because all come from a file."""

    def reset_parameters(self) -> None:
        """Leave the weights as they are: drawing them on the device `meta` would import half of torch."""


class EmbeddingTable(nn.Embedding):
    """A table of embeddings that draws no weights."""

    def reset_parameters(self) -> None:
        """Leave the weights as they are."""


class Embeddings(nn.Module):
    """Words, positions and token types, added up and normalised."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        hidden = config.hidden_size
        # the row of the padding token never trains
        self.word_embeddings = EmbeddingTable(config.vocab_size, hidden, padding_idx=config.pad_token_id)
        self.position_embeddings = EmbeddingTable(config.max_position_embeddings, hidden)
        self.token_type_embeddings = EmbeddingTable(config.type_vocab_size, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(0.0)

    def forward(
        self, *, input_ids: Tensor | None, inputs_embeds: Tensor | None, token_type_ids: Tensor, position_ids: Tensor
    ) -> Tensor:
        """Return the input of the first layer, (B, T, H).

        Args:
            input_ids: (B, T); None with `inputs_embeds`.
            inputs_embeds: (B, T, H), in place of the word embeddings.
            token_type_ids: (B, T).
            position_ids: (B, T).
        """
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        hidden = words + self.token_type_embeddings(token_type_ids) + self.position_embeddings(position_ids)
        normalised: Tensor = self.dropout(self.LayerNorm(hidden))
        return normalised


class SublayerEnd(nn.Module):
    """The end of a sublayer: `LayerNorm(dropout(dense(h)) + residual)`."""

    def __init__(self, inputs: int, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(inputs, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(0.0)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """Return the output of the sublayer, (B, T, H)."""
        normalised: Tensor = self.LayerNorm(self.dropout(self.dense(hidden)) + residual)
        return normalised


class Inner(nn.Module):
    """The first half of the feed-forward sublayer: a linear map and an activation."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.intermediate_size)
        self.activation = _activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the inner activations, (B, T, I)."""
        return self.activation(self.dense(hidden))


def _layer(config: EncoderConfig) -> nn.Module:
    hidden = config.hidden_size
    projections = nn.ModuleDict({name: Linear(hidden, hidden) for name in ("query", "key", "value")})
    attention = nn.ModuleDict({"self": projections, "output": SublayerEnd(hidden, config)})
    feedforward = {"intermediate": Inner(config), "output": SublayerEnd(config.intermediate_size, config)}
    return nn.ModuleDict({"attention": attention, **feedforward})


class BertEncoder(nn.Module):
    """An encoder without pooler; its weights are undefined until a checkpoint fills them.

    Args:
        config: Its sizes.

    Raises:
        ModelError: its activation is unknown.
    """

    pooler: None = None

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        layers = nn.ModuleList(_layer(config) for _ in range(config.num_hidden_layers))
        self.encoder = nn.ModuleDict({"layer": layers})

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of word embeddings."""
        return self.embeddings.get_submodule("word_embeddings")


def _activation(name: str) -> Activation:
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    from transformers.activations import ACT2FN

    if name not in ACT2FN:
        raise ModelError(f"config.json: hidden_act {name!r} is unknown; {nearest(name, ACT2FN)}")
    activation: Activation = ACT2FN[name]
    return activation
