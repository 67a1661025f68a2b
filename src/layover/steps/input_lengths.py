"""The length of each input before it is cut, and the window that contains its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from layover import kinds
from layover.data.features import Features
from layover.data.tokenizer import Tokenizer
from layover.specs.tokenize import TokenizeSpec

UNCUT = 2**30
"""Number of tokens that no input has."""


def input_lengths(features: Features, examples: Sequence[Any], tokenizer: Tokenizer, spec: TokenizeSpec) -> list[int]:
    """Return the number of tokens of each example before it is cut, special tokens included.

    An example with several inputs, such as the choices of a question, has the length of its longest one. Only examples
    that may have been cut are encoded again.

    Args:
        features: The encoded examples.
        examples: The examples.
        tokenizer: The tokenizer that encoded them.
        spec: The specification of the node.
    """
    kind, count = kinds.get(spec.kind), len(examples)
    lengths, rows = _longest(features, count), np.bincount(_owners(features), minlength=count)
    again = np.flatnonzero((lengths >= spec.max_length) | (kind.in_parts & (rows > 1))).tolist()
    if again:
        long = [examples[number] for number in again]
        uncut = kind.encode(long, tokenizer, labels=spec.labels, max_length=UNCUT, stride=0)
        lengths[again] = _longest(uncut, len(again))
    return [int(length) for length in lengths]


def _longest(features: Features, count: int) -> npt.NDArray[np.int64]:
    """Return the tokens of the longest row of each example, (N,)."""
    lengths = np.zeros(count, np.int64)
    np.maximum.at(lengths, _owners(features), features.lengths)
    return lengths


def _owners(features: Features) -> npt.NDArray[np.int64]:
    """Return the example of each row, (rows,)."""
    return features.arrays["example"].astype(np.int64)
