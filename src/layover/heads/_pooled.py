"""What heads share that judge a row by its first token: dropout, dense, tanh, dropout, out."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from layover.heads._base import Head


class PooledHead(Head):
    """`XLMRobertaClassificationHead` of transformers, of any size."""

    first_only: ClassVar[bool] = True

    def _build(self, hidden_size: int, size: int) -> None:
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, size)

    def pooled(self, hidden: Tensor) -> Tensor:
        """Return the outputs, (B, size), from hidden states (B, T, H)."""
        first = self.dropouts[0](hidden[:, 0])
        outputs: Tensor = self.out(self.dropouts[1](torch.tanh(self.dense(first))))
        return outputs
