"""A tiny encoder, heads, and made-up features of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tests.kinds_of import COLUMNS
from tests.tiny import tiny_model

from layover import heads, modules
from layover.compositions import AttachedModule
from layover.data.features import Features
from layover.encoder import DropoutClock, Encoder
from layover.heads import Head
from layover.modules import Module

HIDDEN, LAYERS, VOCABULARY, LABELS = 32, 3, 120, 3
SIZES = {
    "classification": LABELS,
    "multilabel": LABELS,
    "regression": 1,
    "tagging": LABELS,
    "span": 2,
    "choice": 1,
    "mlm": VOCABULARY,
}


@dataclass
class Model:
    encoder: Encoder
    head: Head
    clock: DropoutClock

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for part in (self.encoder, self.head) for name, value in named(part)}


def named(part: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(f"{type(part).__name__}.{name}", value) for name, value in part.named_parameters()]


def make_model(
    kind: str = "classification", module: Module | None = None, dropout: float = 0.1, seed: int = 3
) -> Model:
    backbone = tiny_model(vocabulary=VOCABULARY, hidden=HIDDEN, layers=LAYERS, positions=70, token_types=1)
    clock = DropoutClock(seed)
    encoder = Encoder.from_model(backbone, clock=clock, dropout=dropout)
    encoder.attach([AttachedModule("target", module or modules.get("lora")(rank=4), None, trainable=True)])
    head = heads.build(kind, HIDDEN, SIZES[kind], clock=clock, dropout=dropout)
    head.tie(encoder)
    return Model(encoder, head, clock)


def make_features(
    kind: str = "classification", rows: int = 40, seed: int = 5, group: int = 1, longest: int = 30
) -> Features:
    """Rows whose label is a function of their second token."""
    random = np.random.default_rng(seed)
    lengths = random.integers(4, longest, rows)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = random.integers(4, VOCABULARY, offsets[-1]).astype(np.int32)
    ids[offsets[:-1]], ids[offsets[1:] - 1] = 0, 2
    arrays = {"ids": ids, "offsets": offsets, "example": np.arange(rows, dtype=np.int32) // group}
    word = ids[offsets[:-1] + 1].astype(np.int64)
    if kind == "classification":
        arrays["label"] = word % LABELS
    elif kind == "multilabel":
        arrays["present"] = (word[:, None] >> np.arange(LABELS) & 1).astype(np.float32)
    elif kind == "regression":
        arrays["number"] = (word % LABELS).astype(np.float32)
    elif kind == "choice":
        arrays["label"] = word.reshape(-1, group).argmax(axis=1)
    elif kind == "span":
        arrays["start"] = word % (lengths - 1)
        arrays["end"] = np.minimum(arrays["start"] + 1, lengths - 1)
    elif kind == "mlm":
        arrays["roles"] = np.repeat(np.array([1, 0, 2], np.int8), [4, VOCABULARY - 5, 1])
    else:
        arrays["labels"] = np.where(ids % 2 == 0, ids % LABELS, -100).astype(np.int64)
    return Features(arrays, group, columns=COLUMNS)


@pytest.fixture
def model_of() -> Callable[..., Model]:
    return make_model


@pytest.fixture
def features_of() -> Callable[..., Features]:
    return make_features
