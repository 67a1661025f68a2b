"""multilabel: one logit per label and row, from the hidden state of the first token; labels are independent."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from layover.data.features import Features
from layover.heads._base import NOTHING, Units
from layover.heads._pooling import PooledHead

NO_GOLD = -1.0


class MultilabelHead(PooledHead):
    """dropout, dense, tanh, dropout, out: `XLMRobertaClassificationHead` of transformers."""

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, labels)."""
        return self.pooled(hidden)

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the sum over rows of the mean binary cross-entropy of the labels; `targets["present"]` (B, labels).

        1 means that a label is present, 0 that it is absent; a row of -1 has no gold. The mean over labels and rows is
        `BCEWithLogitsLoss` of transformers' heads with `problem_type="multi_label_classification"`.
        """
        return _each(logits, targets["present"]).sum()

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:  # noqa: ARG002
        return _each(logits, targets["present"])

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the KL divergence summed over the labels."""
        p, q = logits.float(), other.float()
        there = p.sigmoid() * (functional.logsigmoid(p) - functional.logsigmoid(q))
        absent = (-p).sigmoid() * (functional.logsigmoid(-p) - functional.logsigmoid(-q))
        return (there + absent).sum(-1).masked_fill(~_known(targets["present"]), 0.0).sum()

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of units with gold."""
        return int((features.arrays["present"][units][:, 0] != NO_GOLD).sum())

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `logits` (B, labels) float32."""
        return {"logits": logits.detach().float()}


def _each(logits: Tensor, gold: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of the labels of each row, (B,) float32, 0 without gold."""
    each = functional.binary_cross_entropy_with_logits(logits.float(), gold.clamp(min=0), reduction="none")
    return each.mean(-1).masked_fill(~_known(gold), 0.0)


def _known(gold: Tensor) -> Tensor:
    """Return the mask of rows with gold, (B,) bool."""
    return gold[:, 0] != NO_GOLD


HEAD = MultilabelHead
