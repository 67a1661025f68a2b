"""Attention over packed rows: each token reads the tokens of its own row."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from layover.encoder.packing import Packing

VARLEN = "torch.nn.attention.varlen"
FLASH_CAPABILITY = (8, 0)
"""The least compute capability of a GPU for torch's flash attention."""
FLASH_FEATURES = (8, 192)
"""Flash attention needs a multiple of the first number as the features of a head. On cards of 8.6, 8.9 and 12.0 its
backward pass refuses more than the second (`sdp_utils.cpp` of torch)."""


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, packing: Packing, wanted: Packing) -> Tensor:
    """Return `softmax(q k / sqrt(d)) v` of every row and head, (1, N', H).

    Args:
        query: (1, N', H).
        key: (1, N, H).
        value: (1, N, H).
        heads: The number of attention heads.
        packing: The packing of the keys and values.
        wanted: The packing of the queries.
    """
    if takes_packed(query, heads):
        return _packed(query, key, value, heads, packing, wanted)
    q = wanted.by_head(query, heads)
    k, v = packing.by_head(key, heads), packing.by_head(value, heads)
    keep = None if packing.real is None else packing.real[:, None, None, :]
    context = _plain(q, k, v, keep) if _slow_when_fused(q) else scaled_dot_product_attention(q, k, v, attn_mask=keep)
    return wanted.from_heads(context)


def takes_packed(query: Tensor, heads: int) -> bool:
    """Return whether torch attends to packed rows without a grid: with flash attention, in 16 bits, on a GPU."""
    if query.device.type != "cuda" or query.dtype not in {torch.bfloat16, torch.float16}:
        return False
    features, (multiple, most) = query.shape[-1] // heads, FLASH_FEATURES
    capable = torch.cuda.get_device_capability(query.device) >= FLASH_CAPABILITY
    return features % multiple == 0 and features <= most and capable and _varlen() is not None


@cache
def _varlen() -> Callable[..., Tensor] | None:
    """Return torch's attention over rows of different lengths.

    None before torch 2.10, in a build for ROCm, and in a build for CUDA without flash attention.
    """
    if torch.version.cuda is None or not torch.backends.cuda.is_flash_attention_available():
        return None
    try:
        function: Callable[..., Tensor] = importlib.import_module(VARLEN).varlen_attn
    except ImportError:
        return None
    return function


def _packed(query: Tensor, key: Tensor, value: Tensor, heads: int, packing: Packing, wanted: Packing) -> Tensor:
    varlen = _varlen()
    if varlen is None:
        raise RuntimeError(f"torch {torch.__version__} has no {VARLEN}")
    q, k, v = (states.view(states.shape[1], heads, -1) for states in (query, key, value))
    (of_queries, longest_query), (of_keys, longest_key) = wanted.edges, packing.edges
    return varlen(q, k, v, of_queries, of_keys, longest_query, longest_key).reshape(query.shape)


def _slow_when_fused(query: Tensor) -> bool:
    """Return whether the fused kernel is slower: on CPUs its backward pass in bfloat16 takes 3 to 5 times as long."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and torch.is_grad_enabled()


def _plain(query: Tensor, key: Tensor, value: Tensor, keep: Tensor | None) -> Tensor:
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if keep is not None:
        # an addition, unlike masked_fill, needs no work in the backward pass
        least = torch.finfo(scores.dtype).min
        scores = scores + torch.zeros_like(keep, dtype=scores.dtype).masked_fill(~keep, least)
    context: Tensor = scores.softmax(-1) @ value
    return context
