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
    """dropout, dense, tanh, dropout, out, with a single output: the number itself, in gold's unit."""

    def _build(self, hidden_size: int, size: int) -> None:
        if size != 1:
            raise ModelError(f"a regression head has 1 output, a number, not {size}")
        super()._build(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return numbers, (B,)."""
        return self.pooled(hidden)[:, 0]

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return squared errors; `targets["number"]` (B,) float32, NaN = no gold.

        The mean is `MSELoss` of transformers' heads with `problem_type="regression"`. Gold is not standardised, as in
        GLUE's scripts.
        """
        return _squares(logits, targets["number"], ~torch.isnan(targets["number"]))

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the summed squared differences, as SMART has them where the answer is a number; see `Head`.

        They are KL of two normal distributions with those means, times two, where the variance is 1.
        """
        return _squares(logits, other, ~torch.isnan(targets["number"]))

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of units with gold."""
        return int((~np.isnan(features.arrays["number"][units].astype(np.float32))).sum())

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `number` (B,) float32."""
        return {"number": logits.detach().float().cpu()}


def _squares(one: Tensor, other: Tensor, counted: Tensor) -> Tensor:
    """Return the sum of squared differences where they count, () float32."""
    # what does not count is taken out before it is squared: NaN would come back in the gradient
    difference = torch.where(counted, one.float() - torch.nan_to_num(other.float()), 0.0)
    return difference.square().sum()


HEAD = RegressionHead
