"""tagging: one label per token."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.heads._base import NOTHING, Head, Units, real_tokens, summed_divergence

IGNORED = -100
"""The label of tokens that are not a word's first, and of words without gold."""


class TaggingHead(Head):
    """dropout, linear."""

    def _build(self, hidden_size: int, size: int) -> None:
        self.out = nn.Linear(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, T, labels)."""
        logits: Tensor = self.out(self.dropouts[0](hidden))
        return logits

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """See `Head.loss`; `targets["labels"]` (B, T), -100 = not counted."""
        flat = logits.float().flatten(0, 1)
        return functional.cross_entropy(flat, targets["labels"].flatten(), ignore_index=IGNORED, reduction="sum")

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """See `Head.divergence`."""
        return summed_divergence(logits, other, targets["labels"] != IGNORED)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of labelled tokens."""
        labels, offsets = features.arrays["labels"], features.arrays["offsets"]
        return sum(int((labels[offsets[unit] : offsets[unit + 1]] != IGNORED).sum()) for unit in units)

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `tags` (tokens,) int16, the most likely label of every real token."""
        tags = logits.detach().argmax(-1).cpu()
        return {"tags": tags[real_tokens(lengths.cpu(), tags.shape[1])].to(torch.int16)}

    def certainty(self, logits: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Return `probability` (tokens,) float32, that of the most likely label of every real token."""
        highest = logits.detach().float().softmax(-1).amax(-1).cpu()
        return {"probability": highest[real_tokens(lengths.cpu(), highest.shape[1])]}


HEAD = TaggingHead
