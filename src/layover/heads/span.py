"""span: the start and the end of an answer in a row; the first token means "no answer in this row"."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.encoder import to_device
from layover.errors import ModelError
from layover.heads._base import (
    NOTHING,
    Head,
    Units,
    at_places,
    count_labelled,
    real_tokens,
    summed_divergence,
    unpadded,
)


class SpanHead(Head):
    """dropout, then a linear map to a start and an end score per token."""

    def _build(self, hidden_size: int, size: int) -> None:
        if size != 2:
            raise ModelError(f"a span head has 2 outputs, start and end, but {size} are requested")
        self.out = nn.Linear(hidden_size, 2)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, T, 2) float32, with the lowest float32 value on padding."""
        logits: Tensor = self.out(self.dropouts[0](hidden)).float()
        real = real_tokens(to_device(lengths, hidden.device), hidden.shape[1])
        return logits.masked_fill(~real[:, :, None], torch.finfo(logits.dtype).min)

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the mean of the two cross-entropies; `start` and `end` (B,), 0 = no answer, -1 = no gold."""
        both = [
            functional.cross_entropy(logits[:, :, side], targets[name], ignore_index=-1, reduction="sum")
            for side, name in enumerate(("start", "end"))
        ]
        return (both[0] + both[1]) / 2

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:  # noqa: ARG002
        both = [
            functional.cross_entropy(logits[:, :, side], targets[name], ignore_index=-1, reduction="none")
            for side, name in enumerate(("start", "end"))
        ]
        return (both[0] + both[1]) / 2

    def aligned(self, logits: Tensor, places: Tensor) -> Tensor:
        return at_places(logits, places)

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the mean of the two divergences, of starts and of ends."""
        counted = torch.stack([targets["start"], targets["end"]], -1) != -1  # (B, 2)
        return summed_divergence(logits.transpose(1, 2), other.transpose(1, 2), counted) / 2

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of labelled units."""
        return count_labelled(features, "start", units, missing=-1)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `start` and `end` (tokens,) float32, the scores of every real token."""
        flat = unpadded(logits.detach(), lengths)
        return {"start": flat[:, 0].contiguous(), "end": flat[:, 1].contiguous()}


HEAD = SpanHead
