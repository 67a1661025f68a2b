"""A layer of a BERT-family encoder on packed rows: its own linear maps, norms and hooks around our attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from layover.encoder.dropout import DropoutClock
from layover.encoder.packing import Packing
from layover.families import Family


class PackedLayer:
    """The parts of a layer, run on packed rows.

    Args:
        block: The layer of transformers.
        family: The family of the encoder.
        heads: The number of attention heads.
        clock: The clock of the dropouts; the layer sets its `packed`.
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
            packing: The packing of the hidden states.
            wanted: The packing of the result: `packing` for all tokens, `packing.firsts()` for the first of each row.
        """
        queried = hidden if wanted is packing else hidden[:, packing.starts]
        query, key, value = self._query(queried), self._key(hidden), self._value(hidden)
        context = attend(query, key, value, self._heads, packing, wanted)
        attention, feedforward = self._ends
        # set in each layer, because a checkpointed layer runs again in the backward pass
        with wanted.for_dropouts(self._clock):
            attended = attention(context, queried)
            after: Tensor = feedforward(self._inner(attended), attended)
        return after


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
    q = wanted.by_head(query, heads)
    k, v = packing.by_head(key, heads), packing.by_head(value, heads)
    keep = None if packing.real is None else packing.real[:, None, None, :]
    context = _plain(q, k, v, keep) if _slow_when_fused(q) else scaled_dot_product_attention(q, k, v, attn_mask=keep)
    return wanted.from_heads(context)


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
