"""The hash of positions from which dropout masks and noise are drawn, and its use on hidden states in torch.

A hash of (seed, step, salt, draw) and the row gives a word per row; with the position in the row a word per token; with
the feature 16 bits per number. Products of int32 wrap around, as in C.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from layover.encoder.transfer import to_device

_WORD = 0xFFFFFFFF
# multipliers of lowbias32, Chris Wellons' integer hash (public domain): constants with little bias
FIRST, SECOND = 0x7FEB352D, 0x846CA68B
TOKEN, FEATURE = 0x9E3779B9, 0x85EBCA6B
"""Steps from a position, and from a pair of features, to the next."""

NOISE = 0xFFFE
"""A salt that no dropout uses."""

CHUNK = 100_000
"""Numbers that a thread hashes at a time, so that the memory of all operations stays in the cache of its core."""

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers by their size in bytes."""


def mix(*values: int) -> int:
    """Return a 32-bit hash of integers of any size."""
    state = 0x9E3779B9
    for value in values:
        for word in (value & _WORD, (value >> 32) & _WORD):
            state = (state ^ word) & _WORD
            state = ((state ^ (state >> 16)) * FIRST) & _WORD
            state = ((state ^ (state >> 15)) * SECOND) & _WORD
            state ^= state >> 16
    return state


def base(seed: int, step: int, salt: int, draw: int) -> int:
    """Return the int32 from which the words of all rows start; draw 0 is left out, as in versions before draws."""
    return _signed(mix(seed, step, salt, *([draw] if draw else [])))


def row_words(bases: Sequence[int], rows: Tensor) -> Tensor:
    """Return a word per base and row, (S, B) int32.

    Args:
        bases: S results of `base`.
        rows: The numbers of the rows in the data, (B,) integers.
    """
    starts = to_device(torch.tensor(bases, dtype=torch.int32), rows.device)
    return _hashed(rows.to(torch.int32) ^ starts[:, None])


def token_words(rows: Tensor, positions: Tensor) -> Tensor:
    """Return a word per token, int32 of the shape to which both inputs broadcast.

    Args:
        rows: The word of the row of each token, int32.
        positions: The position of each token in its row, integers.
    """
    return _hashed(rows + positions.to(torch.int32) * _constant(TOKEN, torch.int32))


def padded_words(rows: Tensor, tokens: int) -> Tensor:
    """Return a word per token, (B, tokens) int32, from a word per row."""
    return token_words(rows[:, None], torch.arange(tokens, device=rows.device))


def noise(seed: int, step: int, rows: Tensor, tokens: int, width: int, draw: int = 0) -> Tensor:
    """Return random numbers, uniform on (-1, 1), (B, tokens, width) float32, as reproducible as the dropout masks.

    Args:
        seed: The seed of the training.
        step: The optimizer step.
        rows: The numbers of the rows in the data, (B,) integers.
        tokens: The number of tokens of a row.
        width: The number of features of a token.
        draw: Another value gives other numbers for the same rows.
    """
    (words,) = row_words([base(seed, step, NOISE, draw)], rows)
    words = padded_words(words, tokens).flatten()
    drawn = torch.empty(len(words), width, device=rows.device)
    for some, part in _chunks(words, drawn):
        torch.add(_halves(some, width), 0.5, out=part).div_(32768)
    return drawn.view(len(rows), tokens, width)


def normal_noise(seed: int, step: int, rows: Tensor, tokens: int, width: int, draw: int = 0) -> Tensor:
    """Return random numbers with the distribution N(0, 1), up to 4.9 in size; see `noise`.

    Source: Box and Muller 1958, from two uniform numbers.
    """
    size, angle = (noise(seed, step, rows, tokens, width, number) for number in (2 * draw, 2 * draw + 1))
    return ((size + 1) / 2).log().mul(-2).sqrt() * (torch.pi * angle).cos()


def dropped(hidden: Tensor, words: Tensor, cut: int) -> Tensor:
    """Return hidden states with a share of zeros and the others scaled so that the mean stays, (..., H).

    Args:
        hidden: (..., H).
        words: The word of each token, (...) int32.
        cut: The share of zeros in 1/65536.
    """
    if not (hidden.requires_grad and torch.is_grad_enabled()):
        return _masked(hidden, words, cut)
    result: Tensor = _Dropped.apply(hidden, words, cut)  # type: ignore[no-untyped-call]
    return result


class _Dropped(torch.autograd.Function):
    """`dropped` with a gradient; on a CPU it keeps a byte per number, elsewhere it computes the masks again."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, words: Tensor, cut: int) -> Tensor:
        ctx.cut, ctx.kept = cut, hidden.device.type == "cpu"
        keep = torch.empty(hidden.shape, dtype=torch.int8) if ctx.kept else None
        result = _masked(hidden, words, cut, keep)
        ctx.save_for_backward(words if keep is None else keep)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (saved,) = ctx.saved_tensors
        again = _Kept if ctx.kept else _Dropped  # with a gradient of its own
        return again.apply(gradient, saved, ctx.cut), None, None  # type: ignore[no-untyped-call]


class _Kept(torch.autograd.Function):
    """Dropout with the mask that was kept, (..., H) int8."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, keep: Tensor, cut: int) -> Tensor:
        ctx.cut = cut
        ctx.save_for_backward(keep)
        result = torch.empty(hidden.shape, dtype=hidden.dtype)
        for scaled, some, mask in _chunks(_flat(result), _flat(hidden), _flat(keep)):
            _select(some, mask, cut, scaled)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Kept.apply(gradient, *ctx.saved_tensors, ctx.cut), None, None  # type: ignore[no-untyped-call]


def _masked(hidden: Tensor, words: Tensor, cut: int, keep: Tensor | None = None) -> Tensor:
    """Return `dropped`, (..., H); `keep`, (..., H) int8, becomes 1 for what is kept and 0 for what is dropped."""
    result = torch.empty(hidden.shape, dtype=hidden.dtype, device=hidden.device)
    width = hidden.shape[-1]
    matrices = (_flat(each) for each in (result, hidden, *([] if keep is None else [keep])))
    least = _constant(cut - 32768, torch.int16)  # half-words of the hash are uniform on -32768..32767
    for word, scaled, some, *kept in _chunks(words.flatten(), *matrices):
        # in place on integers: booleans and masked_fill take five times as long
        mask = _halves(word, width).ge_(least)
        for to in kept:
            to.copy_(mask)
        _select(some, mask, cut, scaled)
    return result


def _select(hidden: Tensor, mask: Tensor, cut: int, result: Tensor) -> None:
    """Write the scaled hidden states where the mask is 1, and +0 where it is 0."""
    scale = _constant(65536 / (65536 - cut), torch.promote_types(hidden.dtype, torch.float32))
    torch.mul(hidden, scale, out=result)
    bits = result.view(_BITS[result.element_size()])
    if bits.dtype != mask.dtype:
        mask = _memory.of("mask", bits.shape, bits.dtype, bits.device).copy_(mask)
    bits.mul_(mask)  # bits times 0 or 1: also a value that is not finite becomes 0


def _flat(tensor: Tensor) -> Tensor:
    """Return (N, H) of (..., H)."""
    return tensor.reshape(-1, tensor.shape[-1])


def _chunks(words: Tensor, *others: Tensor) -> Iterable[Sequence[Tensor]]:
    """Return the same parts of tensors of N tokens; the last is (N, H)."""
    tensors = (words, *others)
    size = max(1, CHUNK * torch.get_num_threads() // others[-1].shape[-1])
    if len(words) <= size or words.device.type != "cpu":
        return [tensors]
    return zip(*(torch.split(tensor, size) for tensor in tensors), strict=True)


def _halves(words: Tensor, width: int) -> Tensor:
    """Return 16 hashed bits per feature, (N, width) int16, which the next call overwrites.

    One 32-bit hash serves two neighbouring features.

    Args:
        words: A word per token, (N,) int32.
        width: The number of features.
    """
    features = _features(width, words.device)
    shape = torch.Size((len(words), len(features)))
    state = _memory.of("state", shape, torch.int32, words.device)
    high = _memory.of("high", shape, torch.int32, words.device)
    # the hash begins with the product of a sum; the sum of two products is equal, and has fewer numbers to multiply
    torch.add((words * _constant(FIRST, torch.int32))[:, None], features, out=state)
    _end(state, high)
    halves = state.view(torch.int16)
    return halves if width % 2 == 0 else halves[:, :-1]


class _Memory(threading.local):
    """Tensors that a thread uses again and again: fresh memory costs as much time as several operations on it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, torch.dtype], Tensor] = {}

    def of(self, use: str, shape: torch.Size, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return a tensor with any content, which the next call for the same use overwrites."""
        if device.type != "cpu":  # its allocator keeps memory
            return torch.empty(shape, dtype=dtype, device=device)
        known = self._known.get((use, dtype))
        if known is None or len(known) < shape.numel():
            with torch.inference_mode(mode=False):  # memory of that mode can never be written to in a training
                known = self._known[use, dtype] = torch.empty(shape.numel(), dtype=dtype)
        return known.as_strided(shape, (shape[1], 1))


_memory = _Memory()


@lru_cache(maxsize=256)
def _constant(number: float, dtype: torch.dtype) -> Tensor:
    """Return a number as a tensor, (); an operation in place takes twice as long with a number of Python."""
    return torch.tensor(_signed(number) if isinstance(number, int) else number, dtype=dtype)


@lru_cache(maxsize=16)
def _features(width: int, device: torch.device) -> Tensor:
    """Return a fixed word per pair of features times `FIRST`, (width / 2 rounded up,) int32."""
    pairs = torch.arange((width + 1) // 2, device=device, dtype=torch.int32)
    return _hashed(pairs * _constant(FEATURE, torch.int32)) * _constant(FIRST, torch.int32)


def _hashed(state: Tensor) -> Tensor:
    """Return the hash of fresh int32 values, in place."""
    state *= _constant(FIRST, torch.int32)
    _end(state, torch.empty_like(state))
    return state


def _end(state: Tensor, high: Tensor) -> None:
    """Do all steps of the hash but the first product in place; `high` is memory to use."""
    torch.bitwise_right_shift(state, _constant(15, torch.int32), out=high)
    high &= _constant(0x1FFFF, torch.int32)  # the shift repeats the sign bit, but the hash needs zeros there
    state ^= high
    state *= _constant(SECOND, torch.int32)
    torch.bitwise_right_shift(state, _constant(16, torch.int32), out=high)
    high &= _constant(0xFFFF, torch.int32)
    state ^= high


def _signed(word: int) -> int:
    """Return the int32 with the same bits."""
    return word - (1 << 32) if word >= 1 << 31 else word
