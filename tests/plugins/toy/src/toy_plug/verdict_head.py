"""A head: one number per row, from the hidden state of the first token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.heads import NOTHING, Head, Units, count_labelled, summed_divergence


class VerdictHead(Head):
    """dropout, dense, tanh, dropout, out."""

    first_only: ClassVar[bool] = True

    def _build(self, hidden_size: int, size: int) -> None:
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:
        first = self.dropouts[0](hidden[:, 0])
        scores: Tensor = self.out(self.dropouts[1](torch.tanh(self.dense(first))))
        return scores[:, 0]

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        label = targets["label"]
        return functional.binary_cross_entropy_with_logits(
            logits.float(), label.float(), weight=(label != -1).float(), reduction="sum"
        )

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:
        label = targets["label"]
        return functional.binary_cross_entropy_with_logits(
            logits.float(), label.float(), weight=(label != -1).float(), reduction="none"
        )

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        return summed_divergence(_two(logits), _two(other), targets["label"] != -1)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        return count_labelled(features, "label", units, missing=-1)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
        return {"logit": logits.detach().float().cpu()}


def _two(logits: Tensor) -> Tensor:
    return torch.stack((torch.zeros_like(logits), logits), -1)


HEAD = VerdictHead
