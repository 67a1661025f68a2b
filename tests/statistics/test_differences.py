"""Differences: means, the variance over trainings, and the items of both cells."""

from __future__ import annotations

import numpy as np
import pytest

from layover.statistics import GROUPS, SeedScores, paired, unpaired


def items(*rows: float) -> np.ndarray:
    """Return contributions in the first groups; the other groups have no items."""
    found = np.full((1, GROUPS), np.nan)
    found[0, : len(rows)] = rows
    return found


def test_seeds_are_paired() -> None:
    own, other = SeedScores(np.array([5.0, 7.0, 9.0]), None), SeedScores(np.array([4.0, 5.0, 6.0]), None)
    found = paired([(1, own), (-1, other)])
    assert (found.mean, found.count, found.items, found.over_items) == (2.0, 3, None, None)
    (part,) = found.trainings
    assert (part.variance, part.df) == pytest.approx((1.0 / 3, 2))  # differences 1, 2, 3


def test_items_are_paired_and_averaged_over_seeds() -> None:
    own = SeedScores(np.array([5.0, 7.0]), np.concatenate([items(0.3, -0.3, 0.0), items(0.1, -0.1, 0.0)]))
    other = SeedScores(np.array([5.0, 7.0]), np.concatenate([items(0.3, -0.3, 0.0), items(0.1, -0.1, 0.0)]))
    assert own.items is not None
    alone = paired([(1, own)])
    assert alone.items is not None
    assert alone.items[:3] == pytest.approx([0.2, -0.2, 0.0])
    assert np.isnan(alone.items[3:]).all()
    part = alone.over_items
    assert part is not None
    assert (part.variance, part.df) == pytest.approx((3 * 0.04, 2))  # 3 groups: 3 / 2 * (0.04 + 0.04)
    same = paired([(1, own), (-1, other)]).over_items
    assert same is not None
    assert same.variance == 0, "the same answers to the same items"


def test_unknown_items_of_one_cell_make_those_of_the_difference_unknown() -> None:
    own, other = SeedScores(np.array([5.0]), items(0.3, -0.3)), SeedScores(np.array([5.0]), None)
    assert paired([(1, own), (-1, other)]).items is None


def test_a_group_is_empty_only_if_all_cells_lack_it() -> None:
    own, other = SeedScores(np.array([5.0]), items(0.3, -0.3)), SeedScores(np.array([5.0]), items(0.1, 0.0, -0.1))
    found = paired([(1, own), (-1, other)]).items
    assert found is not None
    assert found[:3] == pytest.approx([0.2, -0.3, 0.1])
    assert np.isnan(found[3:]).all()


def test_a_cell_without_seeds_fits_any_number() -> None:
    own = SeedScores(np.array([5.0, 7.0, 9.0]), np.repeat(items(0.3, -0.3), 3, axis=0))
    none = SeedScores(np.array([4.0]), items(0.1, -0.1), seeded=False)
    found = paired([(1, own), (-1, none)])
    assert (found.mean, found.count) == (3.0, 3)
    assert found.trainings[0].variance == pytest.approx(4.0 / 3)
    assert found.items is not None
    assert found.items[:2] == pytest.approx([0.2, -0.2])
    both = paired([(1, none), (-1, none)])
    assert (both.count, both.trainings) == (1, ())


def test_seeds_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, 3\] seeds"):
        paired([(1, SeedScores(np.zeros(2), None)), (-1, SeedScores(np.zeros(3), None))])


def test_one_seed_has_no_variance_over_trainings() -> None:
    one = SeedScores(np.array([5.0]), None)
    assert paired([(1, one), (-1, one)]).trainings == ()


def test_a_difference_of_differences() -> None:
    cells = [SeedScores(np.array(values), None) for values in ([5.0, 6.0], [4.0, 4.0], [3.0, 3.0], [1.0, 2.0])]
    found = paired(list(zip([1, -1, -1, 1], cells, strict=True)))
    assert found.mean == pytest.approx((5 - 4 - 3 + 1 + 6 - 4 - 3 + 2) / 2)


def test_unpaired_cells_have_a_variance_each() -> None:
    """The variances of the two means add up, as in Welch's test."""
    from scipy.stats import ttest_ind

    large, base = np.array([5.0, 7.0, 9.5]), np.array([4.0, 4.5, 5.0, 6.0])
    found = unpaired([(1, SeedScores(large, None)), (-1, SeedScores(base, None))])
    assert (found.count, found.mean) == (3, pytest.approx(large.mean() - base.mean()))
    error = sum(part.variance for part in found.trainings) ** 0.5
    assert found.mean / error == pytest.approx(ttest_ind(large, base, equal_var=False).statistic)
    assert [part.df for part in found.trainings] == [2, 3]


def test_an_unpaired_cell_with_one_seed_leaves_the_variance_unknown() -> None:
    cells = [(1.0, SeedScores(np.array([5.0, 6.0]), None)), (-1.0, SeedScores(np.array([4.0]), None))]
    assert unpaired(cells).trainings == ()


def test_a_difference_as_scores_keeps_seeds_and_items() -> None:
    """A group of items that one cell lacks counts 0 for it, as in a difference."""
    own, other = (
        SeedScores(np.array([5.0]), items(0.3, -0.2, 0.1)),
        SeedScores(np.array([4.0]), items(0.1, np.nan, 0.1)),
    )
    found = own.minus(other)
    assert found.seeds == pytest.approx([1.0])
    assert found.items is not None
    assert found.items[0, :3] == pytest.approx([0.2, -0.2, 0.0])
    assert np.isnan(found.items[0, 3:]).all()
    fixed = SeedScores(np.array([4.0]), None, seeded=False)
    many = SeedScores(np.array([5.0, 6.0, 8.0]), None)
    assert many.minus(fixed).seeds == pytest.approx([1.0, 2.0, 4.0])
    assert fixed.minus(many).seeded
    assert not fixed.minus(fixed).seeded
    with pytest.raises(ValueError, match=r"\[3, 2\] seeds, so they are not paired"):
        many.minus(SeedScores(np.array([5.0, 6.0]), None))
