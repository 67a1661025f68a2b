"""tagging: one label per token."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from layover.data.features import Features
from layover.heads._base import (
    CLASS_WEIGHTS,
    NOTHING,
    Head,
    Units,
    at_places,
    summed_divergence,
    unpadded,
    weight_of_each,
)

IGNORED = -100
"""The label of tokens that are not the first of a word, and of words without gold."""


class TaggingHead(Head):
    """dropout, then a linear map."""

    def _build(self, hidden_size: int, size: int) -> None:
        self.out = nn.Linear(hidden_size, size)

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return logits, (B, T, labels)."""
        logits: Tensor = self.out(self.dropouts[0](hidden))
        return logits

    def loss(self, logits: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropy of `targets["labels"]` (B, T), -100 = not counted."""
        flat, labels, weights = logits.float().flatten(0, 1), targets["labels"].flatten(), targets.get(CLASS_WEIGHTS)
        return functional.cross_entropy(flat, labels, weights, ignore_index=IGNORED, reduction="sum")

    def each_loss(self, logits: Tensor, targets: Mapping[str, Tensor], lengths: Tensor) -> Tensor:  # noqa: ARG002
        labels, weights = targets["labels"], targets.get(CLASS_WEIGHTS)
        flat = logits.float().flatten(0, 1)
        each = functional.cross_entropy(flat, labels.flatten(), weights, ignore_index=IGNORED, reduction="none")
        return each.view(labels.shape).sum(-1)

    def aligned(self, logits: Tensor, places: Tensor) -> Tensor:
        return at_places(logits, places)

    def divergence(self, logits: Tensor, other: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        counted = weight_of_each(targets["labels"], targets.get(CLASS_WEIGHTS), missing=IGNORED)
        return summed_divergence(logits, other, counted)

    @staticmethod
    def weight(features: Features, units: Units) -> int:
        """Return the number of labelled tokens."""
        labels, offsets = features.arrays["labels"], features.arrays["offsets"]
        return sum(int((labels[offsets[unit] : offsets[unit + 1]] != IGNORED).sum()) for unit in units)

    @staticmethod
    def classes(features: Features, units: Units) -> npt.NDArray[np.int64]:
        labels, offsets = features.arrays["labels"], features.arrays["offsets"]
        parts = [labels[offsets[unit] : offsets[unit + 1]] for unit in units]
        every = np.asarray(np.concatenate([np.empty(0, np.int64), *parts]), np.int64)
        gold: npt.NDArray[np.int64] = every[every != IGNORED]
        return gold

    def outputs(self, logits: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:  # noqa: ARG002
        """Return `tags` (tokens,) int16, the most likely label of every real token."""
        return {"tags": unpadded(logits.detach(), lengths).argmax(-1).to(torch.int16)}

    def certainty(self, logits: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Return `probability` (tokens,) float32: the probability of the most likely label of every real token."""
        return {"probability": unpadded(logits.detach(), lengths).float().softmax(-1).amax(-1)}


HEAD = TaggingHead
