"""What attention is told of padding."""

from __future__ import annotations

import torch
from torch import Tensor


def attention_mask(hidden: Tensor, lengths: Tensor, *, additive: bool) -> Tensor | None:
    """Return what attention takes, (B, 1, 1, T), or None where nothing is padded (the fastest kernels).

    Args:
        hidden: (B, T, H), for its length, device and type.
        lengths: (B,) int64, on any device.
        additive: 0 and the smallest number, instead of true and false.
    """
    longest = hidden.shape[1]
    if bool((lengths >= longest).all()):
        return None
    positions = torch.arange(longest, device=hidden.device)
    keep = (positions < lengths.to(hidden.device)[:, None])[:, None, None, :]
    if not additive:
        return keep
    empty = torch.zeros(keep.shape, dtype=hidden.dtype, device=hidden.device)
    return empty.masked_fill(~keep, torch.finfo(hidden.dtype).min)
