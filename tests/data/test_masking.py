"""What is hidden: the rates of BERT, and a function of seed, step, row and position alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from layover.data.features import Features
from layover.data.masking import MASK, ORDINARY, SPECIAL, Masked, Moment, hidden_count, hidden_tokens, mask, roles_of
from layover.data.tokenizer import Tokenizer

VOCABULARY = 200
MASK_ID = VOCABULARY - 1
ROLES = np.repeat(np.array([SPECIAL, ORDINARY, MASK], np.int8), [4, VOCABULARY - 5, 1])
MOMENT = Moment(3, 17)
# row -> (position, truth, what is seen)
KNOWN_TRAINING = {0: [(2, 103, 199), (8, 38, 199), (14, 193, 199)], 1: [(1, 4, 199), (9, 38, 199), (17, 86, 86)]}
KNOWN_EVALUATION = {0: [(1, 128, 199), (5, 11, 199), (15, 146, 199)], 1: [(2, 80, 199), (6, 153, 153), (9, 38, 199)]}


def features(lengths: list[int]) -> Features:
    """Rows of ordinary tokens between `<s>` and `</s>`."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.random.default_rng(0).integers(4, MASK_ID, offsets[-1]).astype(np.int32)
    ids[offsets[:-1]], ids[offsets[1:] - 1] = 0, 2
    rows = np.arange(len(lengths), dtype=np.int32)
    return Features({"ids": ids, "offsets": offsets, "example": rows, "roles": ROLES})


def padded(data: Features, rows: list[int], longest: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lengths = data.lengths[rows]
    real = np.arange(longest or lengths.max()) < lengths[:, None]
    ids = np.full(real.shape, 1, np.int64)
    ids[real] = np.concatenate([data.arrays["ids"][data.arrays["offsets"][row] :][: data.length(row)] for row in rows])
    return ids, real, np.array(rows)


def masked(data: Features, rows: list[int], moment: Moment | None = MOMENT, longest: int | None = None) -> Masked:
    return mask(data, *padded(data, rows, longest), moment)


def by_row(found: Masked, rows: list[int]) -> dict[int, list[tuple[int, int, int]]]:
    """Return (position, truth, what is seen) of each row's hidden tokens."""
    hidden: dict[int, list[tuple[int, int, int]]] = {row: [] for row in rows}
    for place, truth in zip(found.places, found.truth, strict=True):
        row, position = divmod(int(place), found.ids.shape[1])
        hidden[rows[row]].append((position, int(truth), int(found.ids[row, position])))
    return hidden


@pytest.mark.parametrize(("ordinary", "hidden"), [(0, 0), (1, 1), (9, 1), (10, 2), (16, 2), (20, 3), (100, 15)])
def test_fifteen_percent_and_at_least_one(ordinary: int, hidden: int) -> None:
    assert hidden_count(np.array([ordinary]), 15).tolist() == [hidden]
    data = features([ordinary + 2])
    for step in range(20):
        assert len(masked(data, [0], Moment(0, step)).places) == hidden
    assert hidden_tokens(data, np.array([0])) == hidden


def test_another_share_of_a_training() -> None:
    data = replace(features([42, 3]), hidden_percent=30)
    assert hidden_tokens(data, np.array([0, 1])) == 12 + 1
    assert len(masked(data, [0, 1]).places) == 12 + 1


def test_the_count_of_many_rows_is_known_before_they_are_masked() -> None:
    data = features([2, 30, 5, 17, 60, 3])
    rows = [4, 0, 3, 3, 1]
    assert hidden_tokens(data, np.array(rows)) == len(masked(data, rows).places) == 9 + 0 + 2 + 2 + 4
    assert hidden_tokens(data, np.array([], np.int64)) == 0


def test_eighty_ten_ten() -> None:
    data = features([102] * 2000)
    found = masked(data, list(range(2000)))
    count = len(found.places)
    assert count == 2000 * 15
    seen = found.ids.ravel()[found.places]
    is_mask, stays = seen == MASK_ID, seen == found.truth
    # a random token is the true one in 1 of 195 cases
    for share, expected in ((is_mask.mean(), 0.8), (stays.mean(), 0.1 + 0.1 / 195)):
        assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / count)
    drawn = seen[~is_mask & ~stays]
    assert set(drawn) == set(range(4, MASK_ID))
    counts = np.bincount(drawn)[4:]
    assert counts.var() / counts.mean() < 1.4  # of independent draws it is 1


def test_every_position_has_the_same_chance_and_neighbours_are_independent() -> None:
    data = features([42] * 5000)
    hidden = np.zeros((5000, 42), bool)
    hidden.ravel()[masked(data, list(range(5000))).places] = True
    assert not hidden[:, [0, 41]].any()
    p = 6 / 40
    assert np.abs(hidden[:, 1:41].mean(axis=0) - p).max() < 4.5 * math.sqrt(p * (1 - p) / 5000)
    both = (hidden[:, 1:40] & hidden[:, 2:41]).mean()
    assert abs(both - p * 5 / 39) < 4 * math.sqrt(p * p / (5000 * 39))


def test_only_ordinary_tokens_are_hidden_and_nothing_else_changes() -> None:
    data = features([12, 30, 7])
    data.arrays["ids"][[3, 20]] = 3, 2  # an unknown token and a separator
    ids, real, rows = padded(data, [0, 1, 2])
    found = mask(data, ids, real, rows, MOMENT)
    assert (ROLES[found.truth] == ORDINARY).all()
    others = np.setdiff1d(np.arange(ids.size), found.places)
    assert (found.ids.ravel()[others] == ids.ravel()[others]).all()
    assert (found.truth == ids.ravel()[found.places]).all()
    assert (np.diff(found.places) > 0).all()


@pytest.mark.parametrize("moment", [MOMENT, None])
def test_a_row_is_hidden_alike_however_the_batch_is_cut_ordered_and_padded(moment: Moment | None) -> None:
    data = features([12, 30, 7, 22, 41, 9, 16, 33])
    rows = [5, 0, 7, 3, 1, 2, 6, 4]
    whole = by_row(masked(data, rows, moment), rows)
    assert by_row(masked(data, rows[::-1], moment), rows[::-1]) == whole
    for row in rows:
        assert by_row(masked(data, [row], moment), [row]) == {row: whole[row]}
        assert by_row(masked(data, [row], moment, longest=90), [row]) == {row: whole[row]}


@pytest.mark.parametrize("other", [Moment(3, 18), Moment(4, 17), Moment(17, 3), Moment(3 + (1 << 40), 17), None])
def test_masks_differ_between_moments(other: Moment | None) -> None:
    data = features([42] * 500)
    rows = list(range(500))
    one, two = (set(masked(data, rows, moment).places.tolist()) for moment in (MOMENT, other))
    p = 6 / 40
    assert abs(len(one & two) / (500 * 40) - p * p) < 4 * math.sqrt(p * p / (500 * 40))


def test_rows_differ_at_one_moment() -> None:
    data = features([42] * 200)
    found = by_row(masked(data, list(range(200))), list(range(200)))
    assert len({tuple(position for position, *_ in hidden) for hidden in found.values()}) > 195


def test_known_masks() -> None:
    """A change of the hash changes every such training and every loss; it must not happen unnoticed."""
    data = features([22, 22])
    assert by_row(masked(data, [0, 1], Moment(0, 0)), [0, 1]) == KNOWN_TRAINING
    assert by_row(masked(data, [0, 1], None), [0, 1]) == KNOWN_EVALUATION


@pytest.mark.parametrize("family", ["tokenizer", "segmented"])
def test_roles_of_a_vocabulary(family: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(family)
    roles = roles_of(tokenizer)
    assert np.flatnonzero(roles == MASK).tolist() == [tokenizer.mask]
    without_token = set(range(len(roles))) - set(tokenizer.ids)  # one family's vocabulary has a hole
    frame = {tokenizer.cls, tokenizer.sep, tokenizer.pad, tokenizer.unk}
    assert set(np.flatnonzero(roles == SPECIAL)) == frame | without_token
    assert len(roles) == max(tokenizer.ids) + 1
