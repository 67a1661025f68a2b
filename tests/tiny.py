"""An XLM-R of some thousand weights, the same in every process."""

from __future__ import annotations

import torch
from transformers import XLMRobertaConfig, XLMRobertaModel


def tiny_model(
    *,
    vocabulary: int = 100,
    hidden: int = 32,
    layers: int = 2,
    attention_heads: int = 2,
    inner: int = 64,
    positions: int = 64,
    token_types: int = 2,
) -> XLMRobertaModel:
    """Return a model without a pooler, in evaluation mode; a fixed seed draws its weights, larger than usual."""
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=attention_heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=token_types,
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return XLMRobertaModel(config, add_pooling_layer=False).eval()
