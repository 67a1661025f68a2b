"""The outputs of a prediction in the order of the features, filled batch by batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from layover.data.features import Array, Features
from layover.errors import ModelError
from layover.inference.collate import tokens_of
from layover.inference.order import Index, offsets_of

Outputs = dict[str, Array]
"""Name -> array with one value per row, or one per token."""


class OrderedOutputs:
    """Outputs of rows that come in any order.

    Args:
        features: The rows.
        first: For each row, the first row with the same tokens, (rows,); only these rows come.
    """

    def __init__(self, features: Features, first: Index) -> None:
        self._features, self._first = features, first
        self._by_row: Outputs = {}
        self._by_token: Outputs = {}

    def add(self, rows: Index, outputs: Mapping[str, Tensor]) -> None:
        """Copy the outputs of rows to their places.

        Raises:
            ModelError: an output has neither a value per row nor a value per token.
        """
        tokens = tokens_of(self._features, rows)
        for name, tensor in outputs.items():
            values = tensor.numpy()
            # a row has at least two tokens, its first and its last special one, so the sizes differ
            if len(values) == len(rows):
                self._place(self._by_row, name, rows, values, self._features.rows)
            elif len(values) == len(tokens):
                self._place(self._by_token, name, tokens, values, int(offsets_of(self._features)[-1]))
            else:
                raise ModelError(
                    f"the head's output {name!r} has {len(values)} values for {len(rows)} rows of {len(tokens)} tokens"
                )

    @staticmethod
    def _place(outputs: Outputs, name: str, places: Index, values: Array, size: int) -> None:
        if name not in outputs:
            outputs[name] = np.empty((size, *values.shape[1:]), values.dtype)
        outputs[name][places] = values

    def finished(self) -> Outputs:
        """Return the outputs of all rows, after the outputs of each first row have been added."""
        copies = np.flatnonzero(self._first != np.arange(self._features.rows))
        if len(copies):
            originals = self._first[copies]
            for values in self._by_row.values():
                values[copies] = values[originals]
            to, of = (tokens_of(self._features, rows) for rows in (copies, originals))
            for values in self._by_token.values():
                values[to] = values[of]
        return {**self._by_row, **self._by_token}
