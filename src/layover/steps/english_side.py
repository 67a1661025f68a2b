"""The embeddings of the last English side, which the next language often shares.

In parallel text of many languages all have the same English sentences. A worker predicts the languages of an encoder
one after another, so it embeds the English side once. Results do not depend on it: each side is embedded by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from layover.data.features import Features
from layover.inference.collate import tokens_of
from layover.inference.order import Index, row_lengths
from layover.steps.loaded import once

MOST_BYTES = 64 * 2**20
"""Largest embeddings that are kept."""

Embeddings = npt.NDArray[np.float32]


class EnglishSide:
    """The embeddings of one side, and what decided them."""

    def __init__(self) -> None:
        self._key: object = None
        self._embeddings = np.empty((0, 0, 0), np.float32)

    @classmethod
    def last(cls) -> EnglishSide:
        """Return the last one of the encoder that is loaded."""
        return once("the last English side", cls)

    def fill(self, into: Embeddings, rows: Index, key: object, embed: Callable[[], None]) -> None:
        """Fill the embeddings of rows from the last side if its key is equal, else by `embed`.

        Args:
            into: All embeddings, (layers, rows, H).
            rows: The rows of the side.
            key: What decides the embeddings.
            embed: Fills these rows.
        """
        if key == self._key:
            into[:, rows] = self._embeddings
            return
        embed()
        if into.itemsize * into.shape[0] * len(rows) * into.shape[2] <= MOST_BYTES:
            self._key, self._embeddings = key, into[:, rows]


def tokens_key(features: Features, rows: Index) -> str:
    """Return the SHA-256 of the tokens of rows, in their order."""
    tokens, digest = tokens_of(features, rows), hashlib.sha256(row_lengths(features, rows).tobytes())
    for name in ("ids", "segments"):
        if name in features.arrays:
            digest.update(features.arrays[name][tokens].tobytes())
    return digest.hexdigest()
