"""Which tokens are real, and what attention is told of it."""

from __future__ import annotations

import torch
from torch import Tensor


def real_tokens(lengths: Tensor, like: Tensor) -> Tensor:
    """Return where tensors (B, T, ...) like that one are no padding, (B, T)."""
    return torch.arange(like.shape[1], device=like.device) < lengths.to(like.device)[:, None]


def attention_mask(hidden: Tensor, lengths: Tensor, *, additive: bool) -> Tensor | None:
    """Return what attention takes, (B, 1, 1, T), or None where nothing is padded (the fastest kernels).

    Args:
        hidden: (B, T, H), for its length, device and type.
        lengths: (B,) int64, on any device.
        additive: 0 and the smallest number, instead of true and false.
    """
    if bool((lengths >= hidden.shape[1]).all()):
        return None
    keep = real_tokens(lengths, hidden)[:, None, None, :]
    if not additive:
        return keep
    empty = torch.zeros(keep.shape, dtype=hidden.dtype, device=hidden.device)
    return empty.masked_fill(~keep, torch.finfo(hidden.dtype).min)
