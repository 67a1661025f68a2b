"""classification: one label per row, from the hidden state of the first token."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from layover.data.features import Features
from layover.heads._base import NOTHING, Units, count_labelled, summed_divergence
from layover.heads._pooled import PooledHead


class ClassificationHead(PooledHead):
    """dropout, dense, tanh, dropout, out: `XLMRobertaClassificationHead` of transformers."""

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, labels)."""
        return self.pooled(hidden)

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
