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

    @classmethod
    def of(cls, lengths: Tensor, longest: int, device: torch.device, *, rounded: bool = False) -> Packing:
        """Return how rows lie.

        Args:
            lengths: Of the rows, (B,) on any device.
            longest: T; it may be more than the longest row has.
            device: Of the hidden states.
            rounded: See `rounds`.
        """
        lengths = lengths.cpu()
        width = _up(longest, WIDTH) if rounded else longest
        real = torch.arange(width) < lengths[:, None]
        places = real.flatten().nonzero().flatten()
        count = len(places)
        full = count == real.numel()
        if rounded and _up(count, TOKENS) > count:
            places, full = torch.nn.functional.pad(places, (0, _up(count, TOKENS) - count)), False
        rows, positions, grid, mask = (
            one.to(device, non_blocking=True) for one in (places // width, places % width, places, real)
        )
        padded = count < real.numel()
        return cls(lengths, longest, width, count, rows, positions, None if full else grid, mask if padded else None)

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

    def pack(self, grid: Tensor) -> Tensor:
        """Return what stands at the tokens, (1, N', ...), of (B, T', ...)."""
        flat = grid.flatten(0, 1)
        return (flat if self.places is None else _packed(flat, self.places, self.count))[None]

    def pack_padded(self, padded: Tensor) -> Tensor:
        """Return (1, N', ...) of (B, T, ...), which has no gradient."""
        return self.pack(padded if self.width == self.longest else pad_to(padded, 1, self.width))

    def unpack(self, packed: Tensor) -> Tensor:
        """Return (B, T', ...), zero on padding, of (1, N', ...)."""
        rows = len(self.lengths)
        flat = packed[0] if self.places is None else _unpacked(packed[0], self.places, self.count, rows * self.width)
        return flat.view(rows, self.width, *packed.shape[2:])

    def padded(self, packed: Tensor) -> Tensor:
        """Return (B, T, ...), zero on padding, of (1, N', ...)."""
        return self.unpack(packed)[:, : self.longest]

    def filled(self, tokens: Tensor) -> Tensor:
        """Return (1, N', ...) of (1, N, ...), which has no gradient."""
        return tokens if len(self.rows) == self.count else pad_to(tokens, 1, len(self.rows))


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


class _Pack(torch.autograd.Function):
    """Rows of a matrix by their places; the backward pass knows that no place comes twice, so it adds nothing up."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, places: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(places)
        ctx.count, ctx.size = count, len(flat)
        return flat.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return _spread(grad, places, ctx.count, ctx.size), None, None


class _Unpack(torch.autograd.Function):
    """The other way."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, places: Tensor, count: int, size: int) -> Tensor:
        ctx.save_for_backward(places)
        ctx.count = count
        return _spread(packed, places, count, size)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (places,) = ctx.saved_tensors
        found = grad.index_select(0, places)
        found[ctx.count :] = 0
        return found, None, None, None


def _packed(flat: Tensor, places: Tensor, count: int) -> Tensor:
    found: Tensor = _Pack.apply(flat, places, count)  # type: ignore[no-untyped-call]
    return found


def _unpacked(packed: Tensor, places: Tensor, count: int, size: int) -> Tensor:
    found: Tensor = _Unpack.apply(packed, places, count, size)  # type: ignore[no-untyped-call]
    return found


def _spread(packed: Tensor, places: Tensor, count: int, size: int) -> Tensor:
    empty = packed.new_zeros((size, *packed.shape[1:]))
    return empty.index_copy_(0, places[:count], packed[:count])
