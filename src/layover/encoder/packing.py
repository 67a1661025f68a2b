"""Rows that lie one after another without padding: what runs through the layers, token by token."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from layover.encoder.dropout import DropoutClock

TOKENS, WIDTH = 32, 8
"""Multiples that sizes are rounded up to where matrix products are compiled for every size they meet (`rounds`)."""


@dataclass(frozen=True, eq=False)
class Packing:
    """B rows of N tokens in all, none longer than T.

    Hidden states run as (1, N', H), where N' - N tokens at the end belong to no row and are read by nothing; only
    attention, which mixes the tokens of a row, sees rows in a grid, (B, T', H).
    """

    lengths: Tensor
    """(B,) int64, on the CPU."""
    longest: int
    """T."""
    width: int
    """T'."""
    count: int
    """N."""
    rows: Tensor
    """(N',) int64: the row of each token."""
    positions: Tensor
    """(N',) int64: its place in the row."""
    places: Tensor | None
    """(N',) int64: its place in the grid of B x T'; None where grid and tokens are the same."""
    real: Tensor | None
    """(B, T') bool: what is no padding; None where nothing is."""
    to_heads: Tensor | None = None
    """(B * heads * T',) int64: what of the tokens' (N' * heads) parts stands there, see `by_head`."""
    of_heads: Tensor | None = None
    """(N' * heads,) int64: the way back."""

    @classmethod
    def of(cls, lengths: Tensor, longest: int, device: torch.device, *, heads: int, rounded: bool = False) -> Packing:
        """Return how rows lie.

        Args:
            lengths: Of the rows, (B,) on any device.
            longest: T; it may be more than the longest row has.
            device: Of the hidden states.
            heads: Of attention.
            rounded: See `rounds`.
        """
        lengths = lengths.cpu()
        width = _up(longest, WIDTH) if rounded else longest
        real = torch.arange(width) < lengths[:, None]
        places = real.flatten().nonzero().flatten()
        count, slots = len(places), real.numel()
        padded = count < slots
        # where the grid has padding, one token more stands for it
        size = _up(count + padded, TOKENS if rounded else 1)
        if size == slots == count:
            rows, positions = (one.to(device, non_blocking=True) for one in (places // width, places % width))
            return cls(lengths, longest, width, count, rows, positions, None, None)
        grid = torch.full((slots,), count).index_copy_(0, places, torch.arange(count))
        places = torch.nn.functional.pad(places, (0, size - count))
        rows, positions, every = places // width, places % width, torch.arange(heads)
        to_heads = grid.view(-1, 1, width) * heads + every[:, None]
        of_heads = (rows[:, None] * heads + every) * width + positions[:, None]
        found = (rows, positions, places, real, to_heads.flatten(), of_heads.flatten())
        rows, positions, places, real, to, back = (one.to(device, non_blocking=True) for one in found)
        return cls(lengths, longest, width, count, rows, positions, places, real if padded else None, to, back)

    def told(self, clock: DropoutClock) -> AbstractContextManager[None]:
        """Let dropouts know for a while which tokens the hidden states belong to."""
        return clock.packing(len(self.lengths), self.rows, self.positions)

    def firsts(self) -> Packing:
        """Return the packing of the rows' first tokens alone."""
        count, device = len(self.lengths), self.rows.device
        every = torch.arange(count, device=device)
        return Packing(torch.ones_like(self.lengths), 1, 1, count, every, torch.zeros_like(every), None, None)

    def first_places(self) -> Tensor:
        """Return where each row begins among the tokens, (B,)."""
        return (self.lengths.cumsum(0) - self.lengths).to(self.rows.device, non_blocking=True)

    def pack(self, padded: Tensor) -> Tensor:
        """Return (1, N', ...) of (B, T, ...)."""
        grid = (padded if self.width == self.longest else pad_to(padded, 1, self.width)).flatten(0, 1)
        return (grid if self.places is None else grid.index_select(0, self.places))[None]

    def padded(self, packed: Tensor) -> Tensor:
        """Return (B, T, ...), zero on padding, of (1, N', ...)."""
        rows, flat = len(self.lengths), packed[0]
        if self.places is not None:
            empty = flat.new_zeros((rows * self.width, *flat.shape[1:]))
            flat = empty.index_copy(0, self.places[: self.count], flat[: self.count])
        return flat.view(rows, self.width, *flat.shape[1:])[:, : self.longest]

    def filled(self, tokens: Tensor) -> Tensor:
        """Return (1, N', ...) of (1, N, ...), which has no gradient."""
        return tokens if len(self.rows) == self.count else pad_to(tokens, 1, len(self.rows))

    def by_head(self, packed: Tensor, heads: int) -> Tensor:
        """Return the grid head by head, (B, heads, T', d), of (1, N', H); on padding stands what nothing reads."""
        if self.to_heads is None or self.of_heads is None:
            return packed.view(-1, self.width, heads, packed.shape[-1] // heads).transpose(1, 2)
        parts = packed.view(packed.shape[1] * heads, -1)
        return _taken(parts, self.to_heads, self.of_heads, self.count * heads).view(
            -1, heads, self.width, parts.shape[-1]
        )

    def from_heads(self, grid: Tensor) -> Tensor:
        """Return (1, N', H) of (B, heads, T', d)."""
        if self.to_heads is None or self.of_heads is None:
            return grid.transpose(1, 2).flatten(2).flatten(0, 1)[None]
        parts = grid.reshape(-1, grid.shape[-1])
        # the way back gives padding the gradient of a token that nothing reads: none
        return _taken(parts, self.of_heads, self.to_heads, len(parts)).view(1, len(self.rows), -1)


def rounds(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether sizes are rounded up: in bfloat16, and wherever oneDNN multiplies.

    It compiles a kernel for each size it meets, which takes as long as some products; and of packed rows nearly every
    batch has a size of its own. GPUs multiply faster at such sizes.
    """
    mixed = torch.is_autocast_enabled(device.type)
    return dtype == torch.bfloat16 or mixed or torch.get_float32_matmul_precision() != "highest"


def pad_to(tensor: Tensor, dim: int, size: int) -> Tensor:
    """Return a tensor with zeros at the end of a dimension."""
    added = list(tensor.shape)
    added[dim] = size - tensor.shape[dim]
    return torch.cat([tensor, tensor.new_zeros(added)], dim)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


class _Take(torch.autograd.Function):
    """Rows of a matrix by an index; the gradient comes back by an index, too, for no row that is read comes twice."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, back: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.count = count
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        found = grad.index_select(0, back)
        found[ctx.count :] = 0
        return found, None, None, None


def _taken(rows: Tensor, index: Tensor, back: Tensor, count: int) -> Tensor:
    """Return (len(index), ...) of rows, whose gradients after the first `count` are nothing."""
    found: Tensor = _Take.apply(rows, index, back, count)  # type: ignore[no-untyped-call]
    return found
