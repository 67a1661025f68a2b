"""One vector or one prediction for a whole row: from its first token, or as the mean over its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from layover.encoder import to_device
from layover.heads._base import Head, real_tokens


class PooledHead(Head):
    """`XLMRobertaClassificationHead` of transformers, with any number of outputs."""

    first_only: ClassVar[bool] = True

    def _build(self, hidden_size: int, size: int) -> None:
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, size)

    def pooled(self, hidden: Tensor) -> Tensor:
        """Return the outputs, (B, size), from hidden states (B, T, H)."""
        first = self.dropouts[0](hidden[:, 0])
        outputs: Tensor = self.out(self.dropouts[1](torch.tanh(self.dense(first))))
        return outputs


@dataclass(frozen=True)
class MeanPooling:
    """The mean of the hidden states over tokens."""

    layers: tuple[int, ...]
    """The numbers of layers after which hidden states are read, ascending; 0 is the embeddings."""
    special_tokens: bool
    """Whether the mean includes the first and the last token of a row."""

    def __call__(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Return embeddings, (B, H) float32, from the hidden states of a layer, (B, T, H), and lengths (B,).

        Without special tokens a row needs at least three tokens.
        """
        lengths = to_device(lengths, hidden.device)
        counted = real_tokens(lengths, hidden.shape[1])
        if not self.special_tokens:
            counted = counted & real_tokens(lengths - 1, hidden.shape[1])
            counted[:, 0] = False
        kept = counted[:, :, None].float()
        # in float32 for every precision: a mean over many tokens loses too much in bfloat16
        with torch.autocast(hidden.device.type, enabled=False):
            return (hidden.float() * kept).sum(1) / kept.sum(1)
