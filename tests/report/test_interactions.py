"""Interactions: the difference of two gains, and what statistics says about it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from scipy.stats import t
from tests.report.conftest import Group, record_of

from layover.report.gains import ReportRows
from layover.report.sections import interactions


def test_an_interaction_is_the_difference_of_paired_gains(group: Group) -> None:
    first = group("full", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5], error=1e-9)
    other = group("lora", "mnli", [68.0, 70.0, 72.0], [60.0, 61.0, 63.0], error=1e-9)
    (made,) = interactions.interactions([*first, *other])
    by_seed = [8.0 - 1.0, 9.0 - 2.0, 9.0 + 0.5]
    mean = sum(by_seed) / 3
    assert (made.factor, made.group, made.first) == ("method", ("base", "lora", "mnli", "xnli"), "full")
    assert made.finding.difference.mean == pytest.approx(mean)
    (part,) = made.finding.difference.trainings
    variance = sum((value - mean) ** 2 for value in by_seed) / 2 / 3
    assert (part.variance, part.df) == pytest.approx((variance, 2))
    half = t.ppf(0.975, 2) * variance**0.5
    assert made.finding.interval == pytest.approx((mean - half, mean + half), rel=1e-3)
    assert made.family == 1


def test_gains_of_two_models_are_not_paired(group: Group) -> None:
    base = group("lora", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5], error=1e-9)
    large = group("lora", "mnli", [68.0, 70.0, 72.0], [60.0, 61.0, 63.0], model="large", error=1e-9)
    (made,) = interactions.interactions([*base, *large])
    assert (made.factor, made.first, made.group[0]) == ("model", "base", "large")
    assert [part.df for part in made.finding.difference.trainings] == [2, 2]
    gains = [(1.0, 2.0, -0.5), (8.0, 9.0, 9.0)]
    variances = {round(sum((x - sum(g) / 3) ** 2 for x in g) / 2 / 3, 6) for g in gains}
    assert {round(part.variance, 6) for part in made.finding.difference.trainings} == variances


def test_only_seeds_that_both_methods_have_are_paired(group: Group) -> None:
    first = group("full", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5])
    other = group("lora", "mnli", [68.0, 70.0, 72.0], [60.0, 61.0, 63.0])
    (made,) = interactions.interactions([*first[1:], *other])
    assert made.finding.difference.count == 2
    assert made.finding.difference.mean == pytest.approx((7.0 + 9.5) / 2)
    assert interactions.interactions([*first[:1], *other[1:]]) == []


def test_what_cannot_be_compared_is_left_out(group: Group) -> None:
    first = group("full", "mnli", [70.0, 72.0], [69.0, 70.0])
    other = group("lora", "mnli", [68.0, 70.0], [60.0, 61.0])
    narrow = [replace(row, record=record_of(en=90.0, de=1.0), baseline=record_of(en=9.0, de=1.0)) for row in other]
    assert interactions.interactions([*first, *narrow]) == []
    missing = [replace(row, baseline=None) for row in other]
    assert interactions.interactions([*first, *missing]) == []
    alone = group("lora", "none", [68.0, 70.0])
    assert interactions.interactions([*first, *alone]) == []


def test_a_baseline_without_a_seed_fits_every_seed(group: Group) -> None:
    """In retrieval nothing is trained without an intermediate."""
    none = [50.0, 50.0, 50.0]
    rows = [*group("full", "mnli", [51.0, 52.0, 53.0], none), *group("lora", "mnli", [60.0, 61.0, 65.0], none)]
    rows = [replace(row, cell=replace(row.cell, baseline_seeded=False)) for row in rows]
    (made,) = interactions.interactions(rows)
    assert made.finding.difference.mean == pytest.approx(12.0 - 2.0)
    assert made.finding.difference.count == 3


def test_many_interactions_show_only_the_marked_ones(tmp_path: Path, group: Group) -> None:
    rows = []
    for number in range(62):
        low, high = (60.0, 60.2, 60.1), (68.0, 68.1, 68.2) if number == 7 else (60.1, 60.0, 60.2)
        target = f"t{number}"
        rows += group("full", "mnli", low, [60.0, 60.1, 60.2], target=target, error=0.1)
        rows += group("lora", "mnli", high, [60.0, 60.1, 60.2], target=target, error=0.1)
    every = interactions.interactions(rows)
    assert len(every) == 62
    assert [line[5] for line in interactions.cells(every)] == ["t7"]
    assert interactions.write(rows, tmp_path / "interactions.csv")
    with (tmp_path / "interactions.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 62
    assert [line["target"] for line in lines if line["mark"] == "gain"] == ["t7"]
    assert {line["family"] for line in lines} == {"1"}
    (family,) = {each.family for each in interactions.interactions(ReportRows.of(rows, ()))}
    assert family == 62


def test_what_is_left_out_is_counted(group: Group) -> None:
    first = group("full", "mnli", [70.0, 72.0], [69.0, 70.0])
    other = [row for name in ("mnli", "qqp") for row in group("lora", name, [68.0, 70.0], [60.0, 61.0])]
    rows = [*first, *other]
    made = interactions.interactions(rows)
    assert [each.group[2] for each in made] == ["mnli"]
    assert interactions.left_out(rows, made) == 1
    assert interactions.SECTION.whole is not None
    text = "\n".join(interactions.SECTION.whole(SimpleNamespace(), rows))  # type: ignore[arg-type]
    assert "or has other languages or seeds): 1." in text


def test_a_training_language_without_a_score_leaves_the_gains_comparable(group: Group) -> None:
    first = group("full", "mnli", [70.0, 72.0], [69.0, 70.0])
    other = [
        replace(row, record=record_of(en=None, sw=68.0), baseline=record_of(en=None, sw=60.0))
        for row in group("lora", "mnli", [68.0, 70.0], [60.0, 61.0])
    ]
    (made,) = interactions.interactions([*first, *other])
    assert made.finding.difference.mean == pytest.approx(8.0 - 1.5)


def test_two_methods_that_are_the_same_work_are_one_interaction(group: Group) -> None:
    scores, none = [64.0, 65.0, 66.5], [60.0, 61.0, 62.0]
    first, lora = group("full", "mnli", none, none), group("lora", "mnli", scores, none)
    copy = [replace(row, cell=replace(row.cell, method="stack")) for row in lora]
    assert [each.family for each in interactions.interactions([*first, *lora, *copy])] == [1, 1]
