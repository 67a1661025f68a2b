"""Rows of one text or of a pair of texts: what classification and choice share."""

from __future__ import annotations

from collections.abc import Sequence

from layover.data.features import Array
from layover.data.tokenizer import Tokenizer, longest_first
from layover.errors import DataError
from layover.kinds._arrays import flat


def encode_pairs(
    pairs: Sequence[tuple[str, str | None]], tokenizer: Tokenizer, max_length: int, group: int = 1
) -> dict[str, Array]:
    """Return the arrays of one row per pair; each `group` of pairs is an example.

    A pair that is too long loses tokens from the end of the longer text, one after the other.

    Raises:
        DataError: `max_length` has no room for a token of each text.
    """
    if max_length < tokenizer.overhead(pair=True) + 2:
        raise DataError(f"max_length {max_length} has no room for a pair of texts")
    pieces = tokenizer.pieces([text for pair in pairs for text in pair if text is not None])
    ids, segments = [], []
    for first, second in pairs:
        one = pieces[first].ids
        if second is None:
            row, types = tokenizer.row(one[: max_length - tokenizer.overhead(pair=False)])
        else:
            two = pieces[second].ids
            kept = longest_first(len(one), len(two), max_length - tokenizer.overhead(pair=True))
            row, types = tokenizer.row(one[: kept[0]], two[: kept[1]])
        ids.append(row)
        segments.append(types)
    return flat(ids, [number // group for number in range(len(pairs))], segments)
