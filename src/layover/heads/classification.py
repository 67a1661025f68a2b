"""classification: one label per row, from the hidden state of the first token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.heads._base import NOTHING, Head, Units, count_labelled, summed_divergence


class ClassificationHead(Head):
    """dropout, dense, tanh, dropout, out: `XLMRobertaClassificationHead` of transformers."""

    first_only: ClassVar[bool] = True

    def _build(self, hidden_size: int, size: int) -> None:
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, labels)."""
        first = self.dropouts[0](hidden[:, 0])
        logits: Tensor = self.out(self.dropouts[1](torch.tanh(self.dense(first))))
        return logits

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """See `Head.loss`; `targets["label"]` (B,), -1 = no gold."""
        return functional.cross_entropy(logits.float(), targets["label"], ignore_index=-1, reduction="sum")

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """See `Head.divergence`."""
        return summed_divergence(logits, other, targets["label"] != -1)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of labelled units."""
        return count_labelled(features, "label", units, missing=-1)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `logits` (B, labels) float32."""
        return {"logits": logits.detach().float().cpu()}


HEAD = ClassificationHead
