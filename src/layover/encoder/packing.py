"""Rows that lie one after another without padding: what runs through the layers, token by token."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from layover.encoder.dropout import DropoutClock


@dataclass(frozen=True, eq=False)
class Packing:
    """B rows of N tokens in all, none longer than T.

    Hidden states run as (1, N, H); only attention, which mixes the tokens of a row, sees them padded, (B, T, H).
    """

    lengths: Tensor
    """(B,) int64, on the CPU."""
    longest: int
    """T."""
    rows: Tensor
    """(N,) int64: the row of each token."""
    positions: Tensor
    """(N,) int64: its place in the row."""
    places: Tensor | None
    """(N,) int64: its place in the padded grid of B x T; None where nothing is padded."""
    real: Tensor | None
    """(B, T) bool: what is no padding; None where nothing is."""

    @classmethod
    def of(cls, lengths: Tensor, longest: int, device: torch.device) -> Packing:
        """Return how rows of these lengths, (B,) on any device, lie; a grid may be wider than the longest row."""
        lengths = lengths.cpu()
        real = torch.arange(longest) < lengths[:, None]
        places = real.flatten().nonzero().flatten()
        rows, positions = places // longest, places % longest
        rows, positions = rows.to(device, non_blocking=True), positions.to(device, non_blocking=True)
        if len(places) == real.numel():
            return cls(lengths, longest, rows, positions, None, None)
        return cls(
            lengths, longest, rows, positions, places.to(device, non_blocking=True), real.to(device, non_blocking=True)
        )

    def told(self, clock: DropoutClock) -> AbstractContextManager[None]:
        """Let dropouts know for a while which tokens the hidden states belong to."""
        return clock.packing(len(self.lengths), self.rows, self.positions)

    def firsts(self) -> Packing:
        """Return the packing of the rows' first tokens alone."""
        count, device = len(self.lengths), self.rows.device
        every = torch.arange(count, device=device)
        return Packing(torch.ones_like(self.lengths), 1, every, torch.zeros_like(every), None, None)

    def first_places(self) -> Tensor:
        """Return where each row begins among the tokens, (B,)."""
        return (self.lengths.cumsum(0) - self.lengths).to(self.rows.device, non_blocking=True)

    def pack(self, padded: Tensor) -> Tensor:
        """Return what stands at the real tokens, (1, N, ...), of (B, T, ...)."""
        flat = padded.flatten(0, 1)
        return (flat if self.places is None else _packed(flat, self.places))[None]

    def unpack(self, packed: Tensor) -> Tensor:
        """Return (B, T, ...), zero on padding, of (1, N, ...)."""
        rows = len(self.lengths)
        flat = packed[0] if self.places is None else _unpacked(packed[0], self.places, rows * self.longest)
        return flat.view(rows, self.longest, *packed.shape[2:])


class _Pack(torch.autograd.Function):
    """Rows of a matrix by their places; the backward pass knows that no place comes twice, so it adds nothing up."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.size = len(flat)
        return flat.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return _spread(grad, places, ctx.size), None


class _Unpack(torch.autograd.Function):
    """The other way."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, places: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(places)
        return _spread(packed, places, size)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return grad.index_select(0, places), None, None


def _packed(flat: Tensor, places: Tensor) -> Tensor:
    found: Tensor = _Pack.apply(flat, places)  # type: ignore[no-untyped-call]
    return found


def _unpacked(packed: Tensor, places: Tensor, size: int) -> Tensor:
    found: Tensor = _Unpack.apply(packed, places, size)  # type: ignore[no-untyped-call]
    return found


def _spread(packed: Tensor, places: Tensor, size: int) -> Tensor:
    empty = packed.new_zeros((size, *packed.shape[1:]))
    return empty.index_copy_(0, places, packed)
