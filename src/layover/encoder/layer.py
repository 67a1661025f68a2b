"""One layer of a BERT-family encoder on packed rows: its own maps and norms, hooks and all, around our attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from layover.encoder.dropout import DropoutClock
from layover.encoder.packing import Packing
from layover.families import Family


class PackedLayer:
    """A layer, taken apart.

    Args:
        block: Of transformers.
        family: Of the encoder.
        heads: Attention heads.
        clock: Told which tokens run, for dropout.
    """

    def __init__(self, block: nn.Module, family: Family, heads: int, clock: DropoutClock) -> None:
        self._heads, self._clock = heads, clock
        linears = [block.get_submodule(family.linears[name]) for name in ("query", "key", "value")]
        self._query, self._key, self._value = linears
        self._inner = block.get_submodule(family.inner)
        self._ends = [block.get_submodule(path) for path in family.sublayers.values()]

    def __call__(self, hidden: Tensor, packing: Packing, wanted: Packing) -> Tensor:
        """Return the hidden states after the layer, (1, N', H).

        Args:
            hidden: (1, N, H).
            packing: How these lie.
            wanted: `packing` itself for all tokens, or `packing.firsts()` for the first of each row.
        """
        asking = hidden if wanted is packing else hidden[:, packing.first_places()]
        query, key, value = self._query(asking), self._key(hidden), self._value(hidden)
        context = attend(query, key, value, self._heads, packing, wanted)
        attention, feedforward = self._ends
        # told here and not once for all layers: a checkpointed layer runs again in the backward pass
        with wanted.told(self._clock):
            attended = attention(context, asking)
            after: Tensor = feedforward(self._inner(attended), attended)
        return after


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, packing: Packing, wanted: Packing) -> Tensor:
    """Return `softmax(q k / sqrt(d)) v` of every row and head, (1, N', H).

    Args:
        query: (1, N', H).
        key: (1, N, H).
        value: (1, N, H).
        heads: Attention heads.
        packing: How keys and values lie.
        wanted: How the queries lie.
    """
    q = wanted.by_head(query, heads)
    k, v = (packing.by_head(one, heads) for one in (key, value))
    keep = None if packing.real is None else packing.real[:, None, None, :]
    found = _plain(q, k, v, keep) if _slow_when_fused(q) else scaled_dot_product_attention(q, k, v, attn_mask=keep)
    return wanted.from_heads(found)


def _slow_when_fused(query: Tensor) -> bool:
    """Tell whether the fused kernel is slower: on CPUs its backward pass in bfloat16 takes 3 to 5 times as long."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and torch.is_grad_enabled()


def _plain(query: Tensor, key: Tensor, value: Tensor, keep: Tensor | None) -> Tensor:
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if keep is not None:
        # added and not filled in, for then there is nothing to do in the backward pass
        least = torch.finfo(scores.dtype).min
        scores = scores + torch.zeros_like(keep, dtype=scores.dtype).masked_fill(~keep, least)
    found: Tensor = scores.softmax(-1) @ value
    return found
