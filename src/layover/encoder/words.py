"""A table of word embeddings with only the rows in memory that the data need.

XLM-R's table of 250,002 x 768 numbers is 70 % of the base model, and a data set needs a few thousand rows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from layover.encoder.transfer import to_device
from layover.errors import ModelError

AT_ONCE = 2048
"""The number of rows that are read while the file is open; most systems map 64 KiB around each row."""


@dataclass(frozen=True)
class WordTable:
    """The whole table in a file."""

    file: Path
    name: str
    """The name of the tensor."""
    rows: int
    features: int


class WordEmbeddings(nn.Module):
    """The same function as `nn.Embedding`, for the rows that were requested with `need`.

    Args:
        table: The table on the disk.
        dtype: The data type of the rows in memory.
    """

    lookup: Tensor
    weight: Tensor

    def __init__(self, table: WordTable, dtype: torch.dtype) -> None:
        super().__init__()
        self.table = table
        self._there = np.zeros(table.rows, np.bool_)
        # buffers, not parameters: they never train and are not saved with the encoder
        self.register_buffer("lookup", torch.full((table.rows,), -1, dtype=torch.int64), persistent=False)
        self.register_buffer("weight", torch.empty(0, table.features, dtype=dtype), persistent=False)

    def need(self, ids: npt.NDArray[np.generic]) -> None:
        """Read the rows of these tokens that are not in memory yet.

        Raises:
            ModelError: the table has no row for a token.
        """
        ids = ids.astype(np.int64, copy=False)
        wanted = np.zeros(self.table.rows, np.bool_)
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self.table.rows:
            raise ModelError(
                f"token {int(ids.max())} is not among the encoder's {self.table.rows} word embeddings: the tokenizer "
                "belongs to another encoder"
            )
        wanted[ids] = True
        missing = torch.from_numpy(np.flatnonzero(wanted & ~self._there))
        if not len(missing):
            return
        before = len(self.weight)
        parts = (missing[start : start + AT_ONCE] for start in range(0, len(missing), AT_ONCE))
        rows = [to_device(self._read(part).to(self.weight.dtype), self.weight.device) for part in parts]
        self.weight = torch.cat([self.weight, *rows])
        places = torch.arange(before, len(self.weight), device=self.lookup.device)
        self.lookup[to_device(missing, self.lookup.device)] = places
        self._there[missing.numpy()] = True

    def _read(self, numbers: Tensor) -> Tensor:
        """Return the rows of the table with these ascending numbers.

        The tensor is a view of the mapped file. Only the pages around these rows are read, but they count as memory of
        the process until the file is closed.
        """
        with safe_open(self.table.file, framework="pt") as stream:
            rows: Tensor = stream.get_tensor(self.table.name).index_select(0, numbers)
        return rows

    def forward(self, ids: Tensor) -> Tensor:
        """Return the embeddings (..., H) of token ids (...,).

        Raises:
            ModelError: a token was not requested; only checked on a CPU, as an accelerator would need a
                synchronisation.
        """
        rows = self.lookup[ids]
        if rows.device.type == "cpu" and bool((rows < 0).any()):
            raise ModelError("the word embeddings of these tokens are not in memory; request them with Encoder.need")
        return functional.embedding(rows, self.weight)
