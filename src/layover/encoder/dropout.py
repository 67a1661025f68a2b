"""Dropout with masks that are a function of their position only.

A mask bit depends on (seed, training step, number of the dropout, draw, row of the data, token, feature). So a training
step gives the same result for every cut into micro-batches, padding, order and device, with checkpointing and after a
resume; and no random state needs to be saved. An objective that runs rows several times in a step gets different masks
with different draws.

Dropout acts on hidden states only. Attention probabilities are (heads, T, T) per row, and their dropout disables or
slows the fused attention kernels. For a module on a frozen encoder, it is only one regulariser among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from layover.encoder.masks import base, dropped, mix, padded_words, row_words, token_words
from layover.errors import ModelError
from layover.families import Family

P = ParamSpec("P")
R = TypeVar("R")

_PICK = 0xFFFF
"""A salt that no dropout uses."""


class MaskPass:
    """A forward pass: all that decides its masks but the dropout, and the words of its rows and tokens.

    The words of all dropouts are computed together when the first dropout needs them. They stay for the pass, also
    for layers that run again in the backward pass.
    """

    def __init__(self, seed: int, step: int, rows: Tensor, draw: int) -> None:
        self.seed, self.step, self.rows, self.draw = seed, step, rows, draw
        self._of_rows: dict[int, Tensor] = {}
        self._of_tokens: list[tuple[Tensor, Tensor, dict[int, Tensor]]] = []

    def base(self, salt: int) -> int:
        """Return the word from which the masks of a dropout start."""
        return base(self.seed, self.step, salt, self.draw)

    def rows_on(self, device: torch.device) -> Tensor:
        """Return the numbers of the rows, (B,), on a device."""
        self.rows = self.rows.to(device)
        return self.rows

    def of_rows(self, salt: int, salts: Iterable[int], device: torch.device) -> Tensor:
        """Return the words of the rows, (B,) int32; those of other salts are computed with them."""
        if salt not in self._of_rows:
            missing = [other for other in salts if other not in self._of_rows]
            words = row_words([self.base(other) for other in missing], self.rows_on(device))
            self._of_rows.update(zip(missing, words, strict=True))
        return self._of_rows[salt]

    def of_tokens(self, salt: int, salts: Iterable[int], row: Tensor, positions: Tensor) -> Tensor:
        """Return the words of packed tokens, (N,) int32; see `DropoutClock.packing`."""
        tables = (table for known, places, table in self._of_tokens if known is row and places is positions)
        if (words := next(tables, None)) is None:
            self._of_tokens.append((row, positions, words := {}))
        if salt not in words:
            missing = [other for other in salts if other not in words]
            rows = torch.stack([self.of_rows(other, salts, row.device) for other in missing])
            words.update(zip(missing, token_words(rows[:, row], positions), strict=True))
        return words[salt]


class DropoutClock:
    """The current training step and the rows of the batch, shared by every dropout of a model."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.packed: tuple[int, Tensor, Tensor] | None = None
        """Set while hidden states are (1, N, H): number of rows; row of each token, (N,); its position there, (N,)."""
        self._pass: MaskPass | None = None
        self._salts: dict[int, None] = {}
        """The salts of all dropouts that were ever used, in their order."""

    def set(self, step: int, rows: Tensor, draw: int = 0) -> None:
        """Set the optimizer step, the ids of the batch's rows, (B,) integers, and the draw of masks, before a pass.

        For a layer that runs again in the backward pass, `replay` restores these values.
        """
        self._pass = MaskPass(self.seed, step, rows, draw)

    def replay(self, run: Callable[P, R]) -> Callable[P, R]:
        """Return a function that always runs with the present step, rows and draw, even if it is called later."""
        present = self._pass

        def replayed(*args: P.args, **kwargs: P.kwargs) -> R:
            now, self._pass = self._pass, present
            try:
                return run(*args, **kwargs)
            finally:
                self._pass = now

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
        return mix(self.seed, 0 if self._pass is None else self._pass.step, _PICK) * below >> 32

    def words(self, salt: int, hidden: Tensor) -> Tensor:
        """Return a word per token, int32: (N,), (B, T) or (B,).

        Args:
            salt: The salt of the dropout.
            hidden: (1, N, H) with a `packing`, otherwise (B, T, H) or (B, H).

        Raises:
            ModelError: the clock was not set for this batch.
        """
        present = self.present(hidden)
        self._salts[salt] = None
        if self.packed is not None:
            return present.of_tokens(salt, self._salts, *self.packed[1:])
        words = present.of_rows(salt, self._salts, hidden.device)
        return words if hidden.dim() == 2 else padded_words(words, hidden.shape[1])

    def present(self, hidden: Tensor) -> MaskPass:
        """Return the pass to which hidden states belong.

        Raises:
            ModelError: the clock was not set for this batch.
        """
        count = hidden.shape[0] if self.packed is None else self.packed[0]
        if self._pass is None or len(self._pass.rows) != count:
            have = "no rows" if self._pass is None else f"{len(self._pass.rows)} rows"
            raise ModelError(f"dropout: the clock has {have}, but the batch has {count}; call set before the forward")
        return self._pass


@lru_cache(maxsize=32)
def _is_fused(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether one kernel computes a dropout: on a GPU, if Triton is there and runs."""
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    from layover.encoder.dropout_triton import TYPES, runs

    return dtype in TYPES and runs(device, dtype)


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

    def extra_repr(self) -> str:
        """Return the text that torch shows in `repr`: p, as for its own dropout."""
        return f"p={self.p}"

    def forward(self, hidden: Tensor) -> Tensor:
        """Return hidden states with a share p set to zero and the others scaled by 1 / (1 - p), in the same shape."""
        if not self.training or not self.enabled or self.p == 0.0:
            return hidden
        cut = round(self.p * 65536)
        if _is_fused(hidden.device, hidden.dtype):
            return self._fused(hidden, cut)
        return dropped(hidden, self.clock.words(self.salt, hidden), cut)

    def _fused(self, hidden: Tensor, cut: int) -> Tensor:
        from layover.encoder.dropout_triton import TokenLayout, fused

        present = self.clock.present(hidden)
        rows, packed = present.rows_on(hidden.device), self.clock.packed
        if packed is not None:
            layout = TokenLayout(rows, packed[1], packed[2], 0)
        else:
            layout = TokenLayout(rows, None, None, 0 if hidden.dim() == 2 else hidden.shape[1])
        return fused(hidden, layout, present.base(self.salt), cut)


def replace_dropouts(
    model: nn.Module, family: Family, num_layers: int, p: float, clock: DropoutClock, first: int = 0
) -> dict[int, list[RowDropout]]:
    """Replace the dropouts of all hidden states by ours, and return ours by layer; -1 is the embeddings.

    Args:
        model: An encoder.
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
