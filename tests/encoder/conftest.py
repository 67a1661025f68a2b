"""Tiny random encoders."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

HIDDEN, LAYERS, VOCABULARY = 48, 4, 200

TYPES = {
    "bert": (BertConfig, BertModel, 0),
    "roberta": (RobertaConfig, RobertaModel, 1),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel, 1),
}


def make_model(kind: str = "xlm-roberta", seed: int = 0, **settings: object) -> PreTrainedModel:
    config_class, model_class, padding = TYPES[kind]
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 96,
        "max_position_embeddings": 66,
        "type_vocab_size": 2 if kind == "bert" else 1,
        "pad_token_id": padding,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        # larger than usual, so that a difference anywhere shows in the output
        "initializer_range": 0.2,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class(config_class(**{**sizes, **settings}), add_pooling_layer=False).eval()


@pytest.fixture
def model_of() -> Callable[..., PreTrainedModel]:
    return make_model


@pytest.fixture
def padded() -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids (3, 17) padded with 1, and lengths."""
    lengths = torch.tensor([17, 9, 5])
    ids = torch.randint(4, VOCABULARY, (3, 17), generator=torch.Generator().manual_seed(7))
    return ids.masked_fill(torch.arange(17) >= lengths[:, None], 1), lengths
