"""Dropout on a GPU in one kernel: the hash of `layover.encoder.masks`, the scaling and the store, without a mask.

The backward pass computes the hash again, so that nothing but the positions of the tokens is kept. In torch, the hash
takes some twenty kernels for each dropout. Triton compiles the kernel at its first use.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from layover.encoder.masks import FEATURE, FIRST, SECOND, TOKEN, dropped, padded_words, row_words, token_words

logger = logging.getLogger(__name__)

_FIRST, _SECOND = tl.constexpr(FIRST), tl.constexpr(SECOND)
_TOKEN, _FEATURE = tl.constexpr(TOKEN), tl.constexpr(FEATURE)

TYPES = {torch.float32: torch.int32, torch.bfloat16: torch.int16}
"""Types of hidden states and the integers with their bits; the kernel scales both in float32, as torch does."""

TOKENS, FEATURES = 8, 256
"""The part of the hidden states that a program of the kernel computes."""


class TokenLayout(NamedTuple):
    """The row and the position of each token: of packed tokens, or of a grid of rows."""

    rows: Tensor
    """(B,) int64: the numbers of the rows in the data."""
    row: Tensor | None
    """(N,) int64: the row of each packed token; None for a grid."""
    positions: Tensor | None
    """(N,) int64: its position there; None for a grid."""
    length: int
    """Tokens of a row of the grid; 0 if there is one vector per row, without a position."""


@triton.jit
def _hashed(state):  # type: ignore[no-untyped-def]
    """Return the hash of uint32 values."""
    state = state * _FIRST
    state = state ^ (state >> 15)
    state = state * _SECOND
    return state ^ (state >> 16)


@triton.jit(do_not_specialize=["base", "cut", "scale", "tokens", "length"])  # type: ignore[untyped-decorator]
def _dropout(  # type: ignore[no-untyped-def]
    result,
    hidden,
    rows,
    row,
    positions,
    base,
    cut,
    scale,
    tokens,
    width,
    length,
    LAYOUT: tl.constexpr,  # noqa: N803
    HALF: tl.constexpr,  # noqa: N803
    TOKENS: tl.constexpr,  # noqa: N803
    FEATURES: tl.constexpr,  # noqa: N803
):
    """Write the dropout of (tokens, width) hidden states, both as the integers with their bits.

    `LAYOUT` is "packed", "grid" or "vectors"; `HALF` is True for bfloat16.
    """
    token = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS)
    feature = tl.program_id(1) * FEATURES + tl.arange(0, FEATURES)
    there = token < tokens
    if LAYOUT == "packed":
        number, position = tl.load(row + token, there, 0), tl.load(positions + token, there, 0)
    elif LAYOUT == "grid":
        number, position = token // length, token % length
    else:
        number, position = token, token
    words = _hashed(tl.load(rows + number, there, 0).to(tl.uint32) ^ base.to(tl.uint32))
    if LAYOUT != "vectors":
        words = _hashed(words + position.to(tl.uint32) * _TOKEN)
    # one 32-bit hash serves two neighbouring features
    pairs = _hashed((feature >> 1).to(tl.uint32) * _FEATURE)
    bits = _hashed(words[:, None] + pairs[None, :])
    half = tl.where((feature & 1)[None, :] == 0, bits & 0xFFFF, bits >> 16)
    # the half-word as a signed number plus 32768
    keep = (half ^ 0x8000) >= cut.to(tl.uint32)
    place = token.to(tl.int64)[:, None] * width + feature[None, :]
    inside = there[:, None] & (feature < width)[None, :]
    entering = tl.load(hidden + place, inside, 0).to(tl.uint32)
    if HALF:
        entering = entering << 16
    value = tl.where(keep, entering.to(tl.float32, bitcast=True) * scale, 0.0)
    leaving = value.to(tl.uint32, bitcast=True)
    if HALF:
        # to the nearest bfloat16, to the even one of two; the interpreter's own conversion does not round
        odd = (leaving >> 16) & 1
        leaving = tl.where(value == value, leaving + 0x7FFF + odd, 0x7FC00000) >> 16  # noqa: PLR0124  # not a number
    tl.store(result + place, leaving.to(result.dtype.element_ty), inside)


def fused(hidden: Tensor, layout: TokenLayout, base: int, cut: int) -> Tensor:
    """Return what `layover.encoder.masks.dropped` returns, bit by bit, (..., H), in one kernel.

    Args:
        hidden: (..., H) of one of `TYPES`.
        layout: The rows and positions of the tokens.
        base: See `layover.encoder.masks.base`.
        cut: The share of zeros in 1/65536.
    """
    result: Tensor = _Fused.apply(hidden, *layout, base, cut)  # type: ignore[no-untyped-call]
    return result


class _Fused(torch.autograd.Function):
    """The kernel, with the same kernel for the gradient."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, rows: Tensor, row: Tensor | None, positions: Tensor | None, *numbers: int
    ) -> Tensor:
        ctx.numbers = numbers
        ctx.save_for_backward(rows, row, positions)
        return _launched(hidden, rows, row, positions, *numbers)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        again = _Fused.apply(gradient, *ctx.saved_tensors, *ctx.numbers)  # type: ignore[no-untyped-call]
        return again, None, None, None, None, None, None


def _launched(
    hidden: Tensor, rows: Tensor, row: Tensor | None, positions: Tensor | None, length: int, base: int, cut: int
) -> Tensor:
    hidden = hidden.contiguous()
    result, width = torch.empty_like(hidden), hidden.shape[-1]
    tokens = hidden.numel() // width
    if not tokens:
        return result
    layout = "packed" if row is not None else "grid" if length else "vectors"
    grid = (triton.cdiv(tokens, TOKENS), triton.cdiv(width, FEATURES))
    places = rows if row is None else row, rows if positions is None else positions
    numbers = base, cut, 65536 / (65536 - cut), tokens, width, length
    bits = TYPES[hidden.dtype]
    sizes: dict[str, Any] = {"TOKENS": TOKENS, "FEATURES": FEATURES, "HALF": bits == torch.int16, "LAYOUT": layout}
    # products wrap around; only TRITON_DEBUG looks for overflows, and not here. The interpreter lacks this option.
    sizes |= {"sanitize_overflow": False} if hidden.is_cuda else {}
    with torch.cuda.device_of(hidden):  # type: ignore[no-untyped-call]  # Triton launches on the current device, which may be another
        _dropout[grid](result.view(bits), hidden.view(bits), rows, *places, *numbers, **sizes)
    return result


@lru_cache(maxsize=32)
def runs(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether the kernel runs on a device and gives the masks of torch; a warning says why not.

    It is compiled on the machine, and needs a C compiler and a folder for its results there. As masks are a part of
    results, a few of them are compared with those of torch.

    Raises:
        torch.OutOfMemoryError: there is no memory for them.
    """
    try:
        same = _same(device, dtype)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a compiler fails in many ways
        reason = f"{type(error).__name__}: {error}"
    else:
        if same:
            return True
        reason = "its masks differ from those of torch"
    logger.warning("dropout: the fused kernel does not run on %s, and torch computes the masks: %s", device, reason)
    return False


def _same(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether kernel and torch agree in a small case of each layout."""
    rows = torch.tensor([3, 0, 1 << 31, 123_456_789], device=device)
    row, positions = torch.arange(37, device=device) % 4, torch.arange(37, device=device) % 11
    base, cut = -1_234_567_891, 6554
    (words,) = row_words([base], rows)
    cases = [
        (TokenLayout(rows, row, positions, 0), token_words(words[row], positions), 301),
        (TokenLayout(rows, None, None, 9), padded_words(words, 9), 64),
        (TokenLayout(rows, None, None, 0), words, 17),
    ]
    for layout, every, width in cases:
        count = every.numel() * width
        hidden = (torch.arange(1, count + 1, device=device) % 251 - 125.5).view(*every.shape, width).to(dtype)
        if not torch.equal(fused(hidden, layout, base, cut), dropped(hidden, every, cut)):
            return False
    return True
