"""Which tokens masked language modelling hides, and behind what.

As in BERT: of a row's ordinary tokens 15 % are to be guessed (in training: what the recipe says), at least one; 80 % of
these become the mask token, 10 % a random token, 10 % stay. What happens to a token is a function of (seed, training
step, row of the features, position) and of nothing else, as with dropout: however a step is cut, padded, stopped or
resumed, the masks are the same, and there is no random state to keep. How many tokens of a row are hidden does not
even depend on the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from layover.data.features import Array, Features
from layover.data.tokenizer import Tokenizer

Index = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

PERCENT = 15
"""Share of the ordinary tokens that are to be guessed in every evaluation, and in training unless a recipe says so."""
MASKED_OF_TEN, RANDOM_OF_TEN = 8, 1
"""Of ten hidden tokens; the rest stay."""

ORDINARY, SPECIAL, MASK = 0, 1, 2
"""Roles of a token in a vocabulary."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# multipliers of Stafford's thirteenth variant of a 64-bit finaliser (public domain)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_EVALUATION = 0x6576616C


class Moment(NamedTuple):
    """When a training looks at a row."""

    seed: int
    step: int


class Masked(NamedTuple):
    """Padded rows with some tokens hidden."""

    ids: Index
    """(B, T): what the encoder sees."""
    places: Index
    """(M,): `row * T + position` of the hidden tokens, ascending."""
    truth: Index
    """(M,): what stood there."""


def roles_of(tokenizer: Tokenizer) -> npt.NDArray[np.int8]:
    """Return the role of every id of a vocabulary, (size,) int8; an id without a token is special."""
    known = np.fromiter(tokenizer.ids, np.int64)
    roles = np.full(int(known.max()) + 1, SPECIAL, np.int8)
    roles[known] = ORDINARY
    roles[list(tokenizer.special)] = SPECIAL
    roles[tokenizer.mask] = MASK
    return roles


def hidden_count(ordinary: Array, percent: int) -> Index:
    """Return how many tokens are hidden in rows of so many ordinary ones: rounded, at least one of any."""
    counts = ordinary.astype(np.int64)
    return np.minimum(counts, np.maximum(1, (percent * counts + 50) // 100))


def hidden_tokens(features: Features, rows: npt.NDArray[np.integer]) -> int:
    """Return how many tokens of these rows are hidden, at any moment."""
    offsets = features.arrays["offsets"].astype(np.int64, copy=False)
    starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
    ends = np.cumsum(lengths)
    tokens = np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
    ordinary = np.equal(features.arrays["roles"][features.arrays["ids"][tokens]], ORDINARY)
    so_far = np.concatenate([[0], np.cumsum(ordinary)])
    return int(hidden_count(so_far[ends] - so_far[ends - lengths], features.hidden_percent).sum())


def mask(features: Features, ids: Index, real: npt.NDArray[np.bool_], rows: Index, moment: Moment | None) -> Masked:
    """Hide tokens of padded rows.

    Args:
        features: Has `roles`.
        ids: (B, T) int64, padded.
        real: (B, T), False on padding.
        rows: (B,), the rows' numbers in the features.
        moment: Of a training; None is an evaluation, whose masks depend on row and position alone, so that the
            losses of two models with one tokenizer can be compared.
    """
    ordinary = real & np.equal(features.arrays["roles"][ids], ORDINARY)
    words = _words(rows, ids.shape[1], moment)
    # the hidden ones are those with the smallest words
    order = np.argsort(np.where(ordinary, words, np.uint64(2**64 - 1)), axis=1, kind="stable")
    chosen = np.zeros(ids.shape, bool)
    counts = hidden_count(ordinary.sum(axis=1), features.hidden_percent)
    first = np.arange(ids.shape[1]) < counts[:, None]
    np.put_along_axis(chosen, order, first, axis=1)
    places = np.flatnonzero(chosen)
    truth = ids.ravel()[places]
    draws = _mixed(words.ravel()[places] ^ _GOLDEN)  # anew, as the words of the chosen ones are small
    tenth, drawn = (draws >> np.uint64(32)) % np.uint64(10), draws & np.uint64(0xFFFFFFFF)
    vocabulary = features.ordinary
    random = vocabulary[drawn % np.uint64(len(vocabulary))]
    seen = np.where(tenth < MASKED_OF_TEN, features.mask_token, truth)
    seen = np.where((tenth >= MASKED_OF_TEN) & (tenth < MASKED_OF_TEN + RANDOM_OF_TEN), random, seen)
    shown = ids.copy()
    shown.ravel()[places] = seen
    return Masked(shown, places, truth)


def _words(rows: Index, longest: int, moment: Moment | None) -> Words:
    """Return 64 hashed bits per token, (B, T)."""
    values = (_EVALUATION,) if moment is None else (moment.seed, moment.step)
    state = np.zeros(1, np.uint64)
    for value in values:
        state = _mixed((state ^ np.uint64(value & 0xFFFFFFFFFFFFFFFF)) + _GOLDEN)
    keys = _mixed(state + rows.astype(np.uint64) * _GOLDEN)
    positions = np.arange(1, longest + 1, dtype=np.uint64)
    return _mixed(keys[:, None] + positions * _GOLDEN)


def _mixed(words: Words) -> Words:
    """Hash 64-bit words; products wrap around."""
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))
