"""Dropout with masks that are a function of their position only.

A mask bit depends on (seed, training step, number of the dropout, draw, row of the data, token, feature). So a training
step gives the same result for every cut into micro-batches, padding, order and device, with checkpointing and after a
resume; and no random state needs to be saved. An objective that runs rows several times in a step gets different masks
with different draws.

Dropout acts on hidden states only. Attention probabilities are (heads, T, T) per row, and their dropout disables or
slows the fused attention kernels. For a module on a frozen encoder, it is only one regulariser among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from layover.errors import ModelError
from layover.families import Family

P = ParamSpec("P")
R = TypeVar("R")

_WORD = 0xFFFFFFFF
# multipliers of lowbias32, Chris Wellons' integer hash (public domain): constants with little bias
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B

_PICK, _NOISE = 0xFFFF, 0xFFFE
"""Salts that no dropout uses."""


def _mix(*values: int) -> int:
    """Return a 32-bit hash of integers of any size."""
    state = 0x9E3779B9
    for value in values:
        for word in (value & _WORD, (value >> 32) & _WORD):
            state = (state ^ word) & _WORD
            state = ((state ^ (state >> 16)) * _FIRST) & _WORD
            state = ((state ^ (state >> 15)) * _SECOND) & _WORD
            state ^= state >> 16
    return state


def _signed(word: int) -> int:
    """Return the int32 with the same bits."""
    return word - (1 << 32) if word >= 1 << 31 else word


def _mix_tensor(state: Tensor) -> Tensor:
    """Hash int32 values in place, without the last step; products wrap around as in C."""
    state *= _signed(_FIRST)
    high = state >> 15
    high &= 0x1FFFF  # >> repeats the sign bit, but the hash needs zeros there
    state ^= high
    state *= _signed(_SECOND)
    return state


class DropoutClock:
    """The current training step and the rows of the batch, shared by every dropout of a model."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.step = 0
        self.rows: Tensor | None = None
        self.draw = 0
        self.packed: tuple[int, Tensor, Tensor] | None = None
        """Set while hidden states are (1, N, H): number of rows; row of each token, (N,); its position there, (N,)."""

    def set(self, step: int, rows: Tensor, draw: int = 0) -> None:
        """Set the optimizer step, the ids of the batch's rows, (B,) integers, and the draw of masks, before a pass.

        For a layer that runs again in the backward pass, `replay` restores these values.
        """
        self.step, self.rows, self.draw = step, rows, draw

    def replay(self, run: Callable[P, R]) -> Callable[P, R]:
        """Return a function that always runs with the present step, rows and draw, even if it is called later."""
        step, rows, draw = self.step, self.rows, self.draw

        def replayed(*args: P.args, **kwargs: P.kwargs) -> R:
            now = self.step, self.rows, self.draw
            self.step, self.rows, self.draw = step, rows, draw
            try:
                return run(*args, **kwargs)
            finally:
                self.step, self.rows, self.draw = now

        return replayed

    @contextmanager
    def packing(self, count: int, rows: Tensor, positions: Tensor) -> Iterator[None]:
        """Set `packed` inside the context: rows run without padding, and each token has a row and a position."""
        self.packed = (count, rows, positions)
        try:
            yield
        finally:
            self.packed = None

    def pick(self, below: int) -> int:
        """Return a uniform random number from 0 to `below` - 1 for the step; it is equal in every draw."""
        return _mix(self.seed, self.step, _PICK) * below >> 32


class RowDropout(nn.Module):
    """Inverted dropout with masks from a `DropoutClock`; the identity in eval mode and for p = 0.

    Args:
        p: The share of elements that become zero, rounded to 1/65536.
        clock: The clock that all dropouts of a model share.
        salt: A number that differs for each dropout of a model.

    Raises:
        ModelError: p is not in [0, 1); in the forward pass, the clock was not set for this batch.
    """

    def __init__(self, p: float, clock: DropoutClock, salt: int) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ModelError(f"dropout {p} is not in [0, 1)")
        self.p = p
        self.salt = salt
        self.clock = clock
        self.enabled = True
        """False in the frozen layers; the encoder sets it."""
        self._features = torch.empty(0, dtype=torch.int32)

    def extra_repr(self) -> str:
        """Return the text that torch shows in `repr`: p, as for its own dropout."""
        return f"p={self.p}"

    def forward(self, hidden: Tensor) -> Tensor:
        """Return hidden states with a share p set to zero and the others scaled by 1 / (1 - p), in the same shape."""
        if not self.training or not self.enabled or self.p == 0.0:
            return hidden
        cut = round(self.p * 65536)
        # half-words of the hash are uniform on -32768..32767
        drop = self._half_words(hidden) < cut - 32768
        return hidden.masked_fill(drop, 0.0).mul_(65536 / (65536 - cut))

    def _half_words(self, hidden: Tensor) -> Tensor:
        """Return 16 hashed bits per element, int16 of the shape of `hidden`."""
        rows, packed = self.clock.rows, self.clock.packed
        count = hidden.shape[0] if packed is None else packed[0]
        if rows is None or rows.shape[0] != count:
            have = "no rows" if rows is None else f"{rows.shape[0]} rows"
            raise ModelError(f"dropout: the clock has {have}, but the batch has {count}; call set before the forward")
        key = _row_keys(self.clock.seed, self.clock.step, self.salt, self.clock.draw, rows.to(hidden.device))  # (B,)
        if packed is not None:
            _, row, token = packed
            key = _finished(_mix_tensor(key[row] + token.to(torch.int32) * _signed(0x9E3779B9)))[None]  # (1, N)
        elif hidden.dim() == 3:
            key = _token_keys(key, hidden.shape[1])  # (B, T)
        width = hidden.shape[-1]
        if self._features.shape[0] != (width + 1) // 2 or self._features.device != hidden.device:
            self._features = _feature_words(width, hidden.device)
        return _half_words(key, self._features, width)


def replace_dropouts(
    model: nn.Module, family: Family, num_layers: int, p: float, clock: DropoutClock, first: int = 0
) -> dict[int, list[RowDropout]]:
    """Replace the dropouts of all hidden states by ours, and return ours by layer; -1 is the embeddings.

    Args:
        model: An encoder of transformers.
        family: The family of the encoder.
        num_layers: The number of its layers.
        p: See `RowDropout`.
        clock: See `RowDropout`.
        first: The lowest layer that is present; above 0, the embeddings are absent, too.
    """
    paths = [(-1, f"{family.embeddings}.dropout")]
    for layer in range(num_layers):
        paths += [(layer, f"{family.layers}.{layer}.{path}.dropout") for path in family.sublayers.values()]
    dropouts: dict[int, list[RowDropout]] = {}
    for salt, (layer, path) in enumerate(paths):
        if first == 0 or layer >= first:
            dropout = RowDropout(p, clock, salt)
            model.set_submodule(path, dropout)
            dropouts.setdefault(layer, []).append(dropout)
    return dropouts


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
    keys = _token_keys(_row_keys(seed, step, _NOISE, draw, rows), tokens)
    return (_half_words(keys, _feature_words(width, rows.device), width).float() + 0.5) / 32768


def _row_keys(seed: int, step: int, salt: int, draw: int, rows: Tensor) -> Tensor:
    """Return a word per row, (B,) int32; draw 0 is left out of the hash, as in versions before draws."""
    base = _signed(_mix(seed, step, salt, *([draw] if draw else [])))
    return _finished(_mix_tensor(rows.to(torch.int32) ^ base))


def _token_keys(rows: Tensor, tokens: int) -> Tensor:
    """Return a word per token, (B, tokens) int32, computed from a word per row."""
    places = torch.arange(tokens, device=rows.device, dtype=torch.int32)
    return _finished(_mix_tensor(rows[:, None] + places * _signed(0x9E3779B9)))


def _feature_words(width: int, device: torch.device) -> Tensor:
    """Return a fixed word per pair of features, (width / 2 rounded up,) int32."""
    words = torch.arange((width + 1) // 2, device=device, dtype=torch.int32) * _signed(0x85EBCA6B)
    return _finished(_mix_tensor(words))


def _half_words(keys: Tensor, features: Tensor, width: int) -> Tensor:
    """Return 16 hashed bits per feature, (..., width) int16; one 32-bit hash serves two neighbouring features."""
    state = _mix_tensor(keys[..., None] + features)
    halves = state.view(torch.int16)  # (..., width rounded up to even)
    halves[..., ::2] ^= halves[..., 1::2]  # the last step of the hash: the high half is mixed into the low half
    return halves[..., :width]


def _finished(state: Tensor) -> Tensor:
    """Do the last step of the hash on whole words."""
    return state ^ ((state >> 16) & 0xFFFF)
