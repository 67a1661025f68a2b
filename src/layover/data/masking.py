"""The tokens that masked language modelling hides, and their replacements.

As in BERT, the model predicts 15 % of a row's ordinary tokens (in training: the percentage of the recipe), at least
one. Of these, 80 % become the mask token, 10 % a random token, and 10 % stay. The choice depends only on (seed,
training step, row of the features, position), as with dropout. So the masks are the same however a step is split,
padded, stopped or resumed, and there is no random state to save. The number of hidden tokens of a row does not depend
on the step.
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
"""Percentage of the ordinary tokens that are hidden in every evaluation; the default in training."""
MASKED_OF_TEN, RANDOM_OF_TEN = 8, 1
"""Of ten hidden tokens, the number that become the mask token and a random token; the rest stay."""

ORDINARY, SPECIAL, MASK = 0, 1, 2
"""Roles of a token in a vocabulary."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# multipliers of Stafford's thirteenth variant of a 64-bit finaliser (public domain)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_EVALUATION = 0x6576616C


class Moment(NamedTuple):
    """The point of a training at which a row is read."""

    seed: int
    step: int


class Masked(NamedTuple):
    """Padded rows with some tokens hidden."""

    ids: Index
    """(B, T): the input of the encoder."""
    places: Index
    """(M,): `row * T + position` of the hidden tokens, ascending."""
    truth: Index
    """(M,): the original ids at these places."""


def roles_of(tokenizer: Tokenizer) -> npt.NDArray[np.int8]:
    """Return the role of every id of a vocabulary, (size,) int8; an id without a token is special."""
    known = np.fromiter(tokenizer.ids, np.int64)
    roles = np.full(int(known.max()) + 1, SPECIAL, np.int8)
    roles[known] = ORDINARY
    roles[list(tokenizer.special)] = SPECIAL
    roles[tokenizer.mask] = MASK
    return roles


def hidden_count(ordinary: Array, percent: int) -> Index:
    """Return the number of hidden tokens of rows with these numbers of ordinary tokens: rounded, at least one.

    A row without ordinary tokens has no hidden token.
    """
    counts = ordinary.astype(np.int64)
    return np.minimum(counts, np.maximum(1, (percent * counts + 50) // 100))


def hidden_tokens(features: Features, rows: npt.NDArray[np.integer]) -> int:
    """Return the number of hidden tokens of these rows; it is the same at every step."""
    offsets = features.arrays["offsets"].astype(np.int64, copy=False)
    starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
    ends = np.cumsum(lengths)
    tokens = np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
    ordinary = np.equal(features.arrays["roles"][features.arrays["ids"][tokens]], ORDINARY)
    so_far = np.concatenate([[0], np.cumsum(ordinary)])
    return int(hidden_count(so_far[ends] - so_far[ends - lengths], features.hidden_percent).sum())


def mask(features: Features, ids: Index, real: npt.NDArray[np.bool_], rows: Index, moment: Moment | None) -> Masked:
    """Return padded rows with some of their tokens hidden.

    Args:
        features: Features with `roles`.
        ids: (B, T) int64, padded.
        real: (B, T), False on padding.
        rows: (B,), the rows' numbers in the features.
        moment: Seed and step of a training. None for an evaluation: its masks depend only on row and position, so that
            the losses of two models with the same tokenizer are comparable.
    """
    ordinary = real & np.equal(features.arrays["roles"][ids], ORDINARY)
    words = _words(rows, ids.shape[1], moment)
    # the tokens with the smallest words are hidden
    order = np.argsort(np.where(ordinary, words, np.uint64(2**64 - 1)), axis=1, kind="stable")
    chosen = np.zeros(ids.shape, bool)
    counts = hidden_count(ordinary.sum(axis=1), features.hidden_percent)
    first = np.arange(ids.shape[1]) < counts[:, None]
    np.put_along_axis(chosen, order, first, axis=1)
    places = np.flatnonzero(chosen)
    truth = ids.ravel()[places]
    draws = _mixed(words.ravel()[places] ^ _GOLDEN)  # hash again, because the chosen words are small numbers
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
