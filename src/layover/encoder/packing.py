"""Packed rows: the tokens of all rows one after the other, without padding, as the layers compute them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from layover.encoder.dropout import DropoutClock
from layover.encoder.transfer import to_device

TOKENS, WIDTH = 32, 8
"""Sizes are rounded up to these multiples if matrix products are compiled for each size (`rounds`)."""


@dataclass(frozen=True, eq=False)
class Packing:
    """B rows with N tokens in total, none longer than T.

    Hidden states are (1, N', H). The N' - N tokens at the end belong to no row, and nothing reads them. Only attention,
    which mixes the tokens of a row, uses a grid of rows, (B, T', H).
    """

    lengths: Tensor
    """(B,) int64, on the CPU."""
    longest: int
    """T."""
    width: int
    """T'."""
    count: int
    """N."""
    starts: Tensor
    """(B,) int64: the index of the first token of each row."""
    rows: Tensor
    """(N',) int64: the row of each token."""
    positions: Tensor
    """(N',) int64: the position of each token in its row."""
    places: Tensor | None
    """(N',) int64: the index of each token in the grid of B x T'; None if the grid has no padding."""
    real: Tensor | None
    """(B, T') bool: the mask of real tokens; None without padding."""
    grid: Tensor | None = None
    """(B * T',) int64: the token at each place of the grid, N on padding; the inverse of `places`."""
    tail: bool = False
    """Whether tokens at the end belong to no row; `edges` then has a row for them."""

    @classmethod
    def of(cls, lengths: Tensor, longest: int, device: torch.device, *, rounded: bool = False) -> Packing:
        """Return the packing of rows.

        Args:
            lengths: The lengths of the rows, (B,) on the CPU; on another device, their copy makes the process wait.
            longest: T; it may exceed the length of the longest row.
            device: The device of the hidden states.
            rounded: Whether sizes are rounded up, see `rounds`.
        """
        lengths = lengths.cpu()
        width = _up(longest, WIDTH) if rounded else longest
        count, slots = int(lengths.sum()), len(lengths) * width
        padded = count < slots
        # if the grid has padding, an additional token represents it
        size = _up(count + padded, TOKENS if rounded else 1)
        ends = to_device(lengths, device).cumsum(0)
        tokens = torch.arange(count, device=device)
        rows = torch.searchsorted(ends, tokens, right=True)
        starts = functional.pad(ends[:-1], (1, 0))
        positions = tokens - starts[rows]
        if size == slots == count:
            return cls(lengths, longest, width, count, starts, rows, positions, None, None)
        rows, positions = (functional.pad(index, (0, size - count)) for index in (rows, positions))
        places = rows * width + positions
        grid = torch.full((slots,), count, device=device).index_copy_(0, places[:count], tokens)
        real = grid.view(-1, width) < count if padded else None
        return cls(lengths, longest, width, count, starts, rows, positions, places, real, grid, size > count)

    def for_dropouts(self, clock: DropoutClock) -> AbstractContextManager[None]:
        """Return a context in which the dropouts use the rows and positions of these tokens."""
        return clock.packing(len(self.lengths), self.rows, self.positions)

    def firsts(self) -> Packing:
        """Return the packing of only the first tokens of the rows."""
        count, device = len(self.lengths), self.rows.device
        every = torch.arange(count, device=device)
        lengths, zeros = torch.ones_like(self.lengths), torch.zeros_like(every)
        return Packing(lengths, 1, 1, count, every, every, zeros, None, None, tail=self.tail)

    def pack(self, padded: Tensor) -> Tensor:
        """Return the packed tensor, (1, N', ...), of a padded one, (B, T, ...)."""
        grid = (padded if self.width == self.longest else pad_to(padded, 1, self.width)).flatten(0, 1)
        return (grid if self.places is None else grid.index_select(0, self.places))[None]

    def padded(self, packed: Tensor) -> Tensor:
        """Return the padded tensor, (B, T, ...) with zeros on padding, of a packed one, (1, N', ...)."""
        rows, flat = len(self.lengths), packed[0]
        if self.places is not None:
            empty = flat.new_zeros((rows * self.width, *flat.shape[1:]))
            flat = empty.index_copy(0, self.places[: self.count], flat[: self.count])
        return flat.view(rows, self.width, *flat.shape[1:])[:, : self.longest]

    def filled(self, tokens: Tensor) -> Tensor:
        """Return (1, N', ...), with zeros at the end, of (1, N, ...), which needs no gradient."""
        return tokens if len(self.rows) == self.count else pad_to(tokens, 1, len(self.rows))

    @cached_property
    def edges(self) -> tuple[Tensor, int]:
        """The ends of the rows after a 0, (B + 1,) int32, and the length of the longest row.

        Tokens that belong to no row are one more row: attention must not leave their places empty.
        """
        edges = functional.pad(self.starts, (0, 1), value=self.count)
        if self.tail:
            edges = functional.pad(edges, (0, 1), value=len(self.rows))
        return edges.to(torch.int32), max(self.longest, len(self.rows) - self.count)

    def by_head(self, packed: Tensor, heads: int) -> Tensor:
        """Return the grid by heads, (B, heads, T', d), of (1, N', H); the values on padding are never read."""
        grid = packed[0]
        if self.grid is not None and self.places is not None:
            grid = _taken(grid, self.grid, self.places, self.count)
        return grid.view(-1, self.width, heads, grid.shape[-1] // heads).transpose(1, 2)

    def from_heads(self, grid: Tensor) -> Tensor:
        """Return the packed tensor, (1, N', H), of a grid by heads, (B, heads, T', d)."""
        rows = grid.transpose(1, 2).flatten(2).flatten(0, 1)
        if self.grid is None or self.places is None:
            return rows[None]
        # padding gets the gradient of a token that nothing reads, which is zero
        return _taken(rows, self.places, self.grid, len(rows))[None]


def rounds(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether sizes are rounded up: in bfloat16, and if oneDNN computes matrix products.

    oneDNN compiles a kernel for each new size, which takes as long as several products, and nearly every packed batch
    has a new size. GPUs multiply faster with rounded sizes.
    """
    mixed = torch.is_autocast_enabled(device.type)
    return dtype == torch.bfloat16 or mixed or torch.get_float32_matmul_precision() != "highest"


def pad_to(tensor: Tensor, dim: int, size: int) -> Tensor:
    """Return a tensor that is filled up to `size` with zeros at the end of a dimension."""
    added = list(tensor.shape)
    added[dim] = size - tensor.shape[dim]
    return torch.cat([tensor, tensor.new_zeros(added)], dim)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


class _Take(torch.autograd.Function):
    """Rows of a matrix by index; the gradient is read by an index, too, as no row that counts is read twice."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, back: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.count = count
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        gradient = grad.index_select(0, back)
        gradient[ctx.count :] = 0
        return gradient, None, None, None


def _taken(rows: Tensor, index: Tensor, back: Tensor, count: int) -> Tensor:
    """Return the rows at `index`, (len(index), ...); the gradients of `rows` after the first `count` are zero."""
    taken: Tensor = _Take.apply(rows, index, back, count)  # type: ignore[no-untyped-call]
    return taken
