"""classification: one label per row, from the hidden state of the first token."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional

from layover.data.features import Features
from layover.heads._base import CLASS_WEIGHTS, NOTHING, Units, count_labelled, summed_divergence, weight_of_each
from layover.heads._pooling import PooledHead

NO_GOLD = -1


class ClassificationHead(PooledHead):
    """dropout, dense, tanh, dropout, out: `XLMRobertaClassificationHead` of transformers."""

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, labels)."""
        return self.pooled(hidden)

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropy of `targets["label"]` (B,), -1 = no gold."""
        label, weights = targets["label"], targets.get(CLASS_WEIGHTS)
        return functional.cross_entropy(logits.float(), label, weights, ignore_index=NO_GOLD, reduction="sum")

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:  # noqa: ARG002
        label, weights = targets["label"], targets.get(CLASS_WEIGHTS)
        return functional.cross_entropy(logits.float(), label, weights, ignore_index=NO_GOLD, reduction="none")

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        counted = weight_of_each(targets["label"], targets.get(CLASS_WEIGHTS), missing=NO_GOLD)
        return summed_divergence(logits, other, counted)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of labelled units."""
        return count_labelled(features, "label", units, missing=NO_GOLD)

    @staticmethod
    def classes(features: Features, units: Units) -> npt.NDArray[np.int64]:
        labels = np.asarray(features.arrays["label"][units], np.int64)
        gold: npt.NDArray[np.int64] = labels[labels != NO_GOLD]
        return gold

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `logits` (B, labels) float32."""
        return {"logits": logits.detach().float()}


HEAD = ClassificationHead
