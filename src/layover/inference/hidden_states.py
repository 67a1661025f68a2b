"""Cached hidden states of the frozen layers: all tokens of the features, in one flat file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from layover.data.features import Array
from layover.errors import DataError
from layover.files.disk import allocate
from layover.inference.order import Index

StateType = Literal["float32", "bfloat16"]

# numpy has no bfloat16: its bits are stored as integers
_STORED: dict[StateType, np.dtype[np.generic]] = {"float32": np.dtype(np.float32), "bfloat16": np.dtype(np.int16)}
_READ: dict[StateType, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.int16}


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """Hidden states in the order of the features' tokens, mapped from the disk."""

    layer: int
    """Layer that the hidden states enter."""
    array: Array
    """(tokens, H), float32 or the bits of bfloat16."""
    kind: StateType

    @classmethod
    def open(cls, file: Path, *, layer: int, kind: StateType, tokens: int, hidden: int) -> HiddenStates:
        """Map a file that `create` wrote.

        Raises:
            DataError: the file has another size.
        """
        expected = tokens * hidden * _STORED[kind].itemsize
        if not file.is_file() or file.stat().st_size != expected:
            raise DataError(
                f"{file}: the file must have {expected} bytes, for {tokens} x {hidden} hidden states in {kind}"
            )
        return cls(layer, np.memmap(file, _STORED[kind], "r", shape=(tokens, hidden)), kind)

    @classmethod
    def create(cls, file: Path, *, layer: int, kind: StateType, tokens: int, hidden: int) -> HiddenStates:
        """Create a file that `put` fills.

        Raises:
            OSError: the disk is full.
        """
        allocate(file, tokens * hidden * _STORED[kind].itemsize)
        return cls(layer, np.memmap(file, _STORED[kind], "r+", shape=(tokens, hidden)), kind)

    def put(self, tokens: Index, states: Tensor) -> None:
        """Write the hidden states of tokens, (n, H) on the CPU."""
        values = states if self.kind == "float32" else states.view(torch.int16)
        self.array[tokens] = values.numpy()

    def flush(self) -> None:
        """Flush the written hidden states to the disk."""
        if isinstance(self.array, np.memmap):
            self.array.flush()

    def at(self, tokens: Index, *, pinned: bool = False) -> Tensor:
        """Return the hidden states of tokens, (1, n, H), float32 or bfloat16.

        Args:
            tokens: Positions of the tokens, (n,).
            pinned: Whether they are read into pinned memory, from which a GPU copies them.
        """
        values = self._into_pinned(tokens) if pinned else torch.from_numpy(self.array[tokens])
        return (values if self.kind == "float32" else values.view(torch.bfloat16))[None]

    def _into_pinned(self, tokens: Index) -> Tensor:
        # torch keeps pinned memory for the next batches, so they allocate none
        values = torch.empty(len(tokens), self.array.shape[1], dtype=_READ[self.kind], pin_memory=True)
        # numpy reads into a buffer of its own first if it checks the positions itself
        if int(tokens.max(initial=0)) >= len(self.array):
            raise IndexError(f"token {tokens.max()} of {len(self.array)} tokens with hidden states")
        np.take(self.array, tokens, axis=0, out=values.numpy(), mode="clip")
        return values
