"""choice: one score per row; the rows of a unit compete."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from layover.data.features import Features
from layover.errors import ModelError
from layover.heads._base import NOTHING, Units, count_labelled, summed_divergence
from layover.heads._pooling import PooledHead


class ChoiceHead(PooledHead):
    """dropout, dense, tanh, dropout, out, with a single output: the score of a row."""

    def _build(self, hidden_size: int, size: int) -> None:
        if size != 1:
            raise ModelError(f"a choice head has 1 output, the score of a row, but {size} are requested")
        super()._build(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return scores, (B,)."""
        return self.pooled(hidden)[:, 0]

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropy of `targets["label"]` (units,), -1 = no gold; a unit is B / units rows in a run."""
        label = targets["label"]
        if logits.shape[0] % label.shape[0]:
            raise ModelError(
                f"{logits.shape[0]} rows do not divide into {label.shape[0]} units; keep all rows of a unit together"
            )
        scores = logits.float().view(label.shape[0], -1)
        return functional.cross_entropy(scores, label, ignore_index=-1, reduction="sum")

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:  # noqa: ARG002
        scores = logits.float().view(targets["label"].shape[0], -1)
        return functional.cross_entropy(scores, targets["label"], ignore_index=-1, reduction="none")

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the KL divergence between distributions over the rows of each unit."""
        units = targets["label"].shape[0]
        return summed_divergence(logits.view(units, -1), other.view(units, -1), targets["label"] != -1)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of labelled units."""
        return count_labelled(features, "label", units, missing=-1)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `score` (B,) float32."""
        return {"score": logits.detach().float()}


HEAD = ChoiceHead
