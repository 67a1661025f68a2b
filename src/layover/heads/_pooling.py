"""Sentence embeddings: the mean over a row's tokens, of any layer. No head, for it has nothing to learn."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from layover.heads._base import NOTHING, real_tokens


class MeanPooling(nn.Module):
    """The mean over tokens of the hidden states.

    Args:
        layers: Hidden states after so many layers are meant; 0 are the embeddings.
        special_tokens: Whether the first and the last token of a row count.
    """

    def __init__(self, layers: int, *, special_tokens: bool) -> None:
        super().__init__()
        self.layers = layers
        self.special_tokens = special_tokens

    def forward(self, hidden: Tensor, lengths: Tensor, targets: Mapping[str, Tensor] = NOTHING) -> Tensor:  # noqa: ARG002
        """Return embeddings, (B, H) float32, from hidden states (B, T, H) and lengths (B,).

        Without special tokens a row needs at least three tokens.
        """
        lengths = lengths.to(hidden.device)
        counted = real_tokens(lengths, hidden.shape[1])
        if not self.special_tokens:
            counted = counted & real_tokens(lengths - 1, hidden.shape[1])
            counted[:, 0] = False
        kept = counted[:, :, None].float()
        # in float32 whatever the precision: a mean over many tokens loses too much in bfloat16
        with torch.autocast(hidden.device.type, enabled=False):
            return (hidden.float() * kept).sum(1) / kept.sum(1)

    def outputs(
        self,
        pooled: Tensor,
        lengths: Tensor,  # noqa: ARG002
        targets: Mapping[str, Tensor] = NOTHING,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return `embedding` (B, H) float32."""
        return {"embedding": pooled.detach().float().cpu()}
