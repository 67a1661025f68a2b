"""The comparison of two sweeps: what changed, by more than chance or not, and what cannot be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.conftest import Group, record_of

from layover.records import DataSource, EncoderSource, Sources
from layover.report import CellRow
from layover.report.comparison import UNCHANGED, compared

SCORES = [60.0, 61.0, 62.0]


def trained_again(rows: list[CellRow]) -> list[CellRow]:
    return [replace(row, cell=replace(row.cell, score=f"other {row.cell.score}")) for row in rows]


def in_another_metric(row: CellRow) -> CellRow:
    assert row.record is not None
    languages = {name: {"macro_f1": 50.0} for name in row.record.languages}
    return replace(
        row,
        metric="macro_f1",
        record=row.record.model_copy(update={"metrics": ("macro_f1",), "languages": languages}),
    )


def data_of(rows: list[CellRow], sha256: str) -> list[CellRow]:
    source = DataSource(files_sha256=(sha256,))
    sources = Sources(model=EncoderSource(), scored={"en": (source,), "sw": (source,)})
    return [
        replace(row, record=row.record.model_copy(update={"sources": sources}))
        for row in rows
        if row.record is not None
    ]


@pytest.mark.parametrize(("change", "mark"), [(20.0, "gain"), (-20.0, "loss"), (0.5, "open")])
def test_a_change_is_second_minus_first(group: Group, change: float, mark: str) -> None:
    before = group("lora", "none", SCORES)
    after = trained_again(group("lora", "none", [score + change for score in SCORES], error=2.0))
    (found,) = compared(before, after).changes
    assert found.finding is not None
    assert found.finding.difference.mean == pytest.approx(change / 2), "English did not change"
    assert (found.before, found.after) == pytest.approx((75.5, 75.5 + change / 2))
    assert (found.finding.mark, found.seeds, found.family) == (mark, 3, 1)


def test_equal_keys_are_unchanged_and_in_no_family(group: Group) -> None:
    same, before = group("lora", "none", SCORES), group("full", "none", SCORES)
    after = trained_again(group("full", "none", SCORES, error=2.0))
    result = compared([*same, *before], [*same, *after])
    assert [(change.name[1], change.reason, change.family) for change in result.changes] == [
        ("lora", UNCHANGED, 0),
        ("full", "", 1),
    ]


def test_groups_of_one_sweep_alone(group: Group) -> None:
    result = compared(group("lora", "none", SCORES), group("bn", "none", SCORES))
    assert result.changes == ()
    assert (result.before_only, result.after_only) == (
        (("base", "lora", "none", "xnli"),),
        (("base", "bn", "none", "xnli"),),
    )


def test_what_cannot_be_compared_has_a_reason(group: Group) -> None:
    before = group("lora", "none", SCORES)

    def reason(after: list[CellRow]) -> str:
        (change,) = compared(before, after).changes
        assert change.finding is None
        return change.reason

    again = trained_again(before)
    assert reason([replace(row, record=None) for row in again]) == "missing"
    assert reason([in_another_metric(row) for row in again]) == "another metric"
    assert (
        reason([replace(row, cell=replace(row.cell, seed=row.cell.seed + 10)) for row in again]) == "no seed in common"
    )
    (change,) = compared(data_of(before, "a"), data_of(again, "b")).changes
    assert change.reason == "other test data"
    (change,) = compared(data_of(before, "a"), data_of(again, "a")).changes
    assert change.reason == ""


def test_only_seeds_that_both_have_are_compared(group: Group) -> None:
    before, after = group("lora", "none", [*SCORES, 99.0]), trained_again(group("lora", "none", SCORES))
    (change,) = compared(before, after).changes
    assert change.finding is not None
    assert (change.seeds, change.finding.difference.mean) == (3, 0.0)


def test_a_cell_without_a_seed_meets_every_seed(group: Group) -> None:
    alone = [replace(row, cell=replace(row.cell, seeded=False)) for row in group("lora", "none", [60.0])]
    trained = trained_again(group("lora", "none", SCORES, error=2.0))
    (change,) = compared(alone, trained).changes
    assert change.finding is not None
    assert (change.seeds, change.finding.difference.mean) == (3, pytest.approx(0.5))
    assert (change.before, change.after) == pytest.approx((75.0, 75.5))


def test_a_sweep_without_gold_is_compared_with_a_reason(group: Group) -> None:
    blind = [replace(row, record=record_of(en=None, sw=None)) for row in group("lora", "none", SCORES)]
    (change,) = compared(blind, trained_again(blind)).changes
    assert (change.finding, change.reason) == (None, "no language has a score")


def test_other_limits_are_other_test_data(group: Group) -> None:
    before = data_of(group("lora", "none", SCORES), "a")
    fewer = [
        replace(row, record=row.record.model_copy(update={"examples": {"en": 5, "sw": 5}}))
        for row in trained_again(before)
        if row.record is not None
    ]
    (change,) = compared(before, fewer).changes
    assert change.reason == "other test data"
