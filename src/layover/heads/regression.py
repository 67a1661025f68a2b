"""regression: one number per row, from the hidden state of the first token."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from layover.data.features import Features
from layover.errors import ModelError
from layover.heads._base import NOTHING, Units
from layover.heads._pooling import PooledHead


class RegressionHead(PooledHead):
    """dropout, dense, tanh, dropout, out, with a single output: the number itself, in the unit of gold."""

    def _build(self, hidden_size: int, size: int) -> None:
        if size != 1:
            raise ModelError(f"a regression head has 1 output, a number, but {size} are requested")
        super()._build(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return numbers, (B,)."""
        return self.pooled(hidden)[:, 0]

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of squared errors; `targets["number"]` (B,) float32, NaN = no gold.

        The mean is `MSELoss` of transformers' heads with `problem_type="regression"`. Gold is not standardised, as in
        GLUE's scripts.
        """
        return _squares(logits, targets["number"], ~torch.isnan(targets["number"])).sum()

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:  # noqa: ARG002
        return _squares(logits, targets["number"], ~torch.isnan(targets["number"]))

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of squared differences, as in SMART for regression.

        It is twice the KL divergence of normal distributions with these means and the variance 1.
        """
        return _squares(logits, other, ~torch.isnan(targets["number"])).sum()

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of units with gold."""
        return int((~np.isnan(features.arrays["number"][units].astype(np.float32))).sum())

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `number` (B,) float32."""
        return {"number": logits.detach().float()}


def _squares(numbers: Tensor, others: Tensor, counted: Tensor) -> Tensor:
    """Return the squared differences, (B,) float32, 0 where they do not count."""
    # NaN is replaced before the square: it would return in the gradient
    difference = torch.where(counted, numbers.float() - torch.nan_to_num(others.float()), 0.0)
    return difference.square()


HEAD = RegressionHead
