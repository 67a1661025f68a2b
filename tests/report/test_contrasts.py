"""Contrasts of models, and how even gains are over languages."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import t
from tests.report.conftest import Group, record_of

from layover.report import CellRow
from layover.report.sections import contrasts, language_gains
from layover.statistics import GROUPS


def test_a_contrast_is_that_of_welch(group: Group) -> None:
    large = group("lora", "none", [80.0, 82.0, 85.0], model="large", error=1e-9)
    base = group("lora", "none", [60.0, 61.0, 63.0], model="base", error=1e-9)
    (found,) = contrasts.contrasts([*base, *large])
    assert (found.group[0], found.first, found.languages) == ("large", "base", "zero-shot")
    difference = found.finding.difference
    assert difference.mean == pytest.approx((80 + 82 + 85 - 60 - 61 - 63) / 3)
    variances = [part.variance for part in difference.trainings]
    assert variances == pytest.approx([6.3333333 / 3, 2.3333333 / 3])
    df = sum(variances) ** 2 / sum(variance**2 / 2 for variance in variances)
    half = t.ppf(0.975, df) * sum(variances) ** 0.5
    assert found.finding.interval == pytest.approx((difference.mean - half, difference.mean + half), rel=1e-3)
    assert found.finding.mark == "gain"
    assert contrasts.cells([*base, *large])[0][0] == "large - base"


def test_items_of_two_models_are_paired(group: Group) -> None:
    """The same answers to the same items: only trainings vary."""
    scores = [60.0, 61.0, 63.0]
    same = [*group("lora", "none", scores, error=5.0), *group("lora", "none", scores, model="large", error=5.0)]
    (found,) = contrasts.contrasts(same)
    items = found.finding.difference.over_items
    assert items is not None
    assert items.variance == pytest.approx(0)
    assert items.df == GROUPS - 1


def test_models_over_other_languages_are_not_compared(group: Group) -> None:
    base, large = group("lora", "none", [60.0, 61.0]), group("lora", "none", [60.0, 61.0], model="large")
    assert len(contrasts.contrasts([*base, *large])) == 1
    narrow = [replace(row, record=record_of(en=90.0, sw=None)) for row in large]
    assert contrasts.contrasts([*base, *narrow]) == []
    assert contrasts.contrasts(base) == []
    blind = [replace(row, record=record_of(en=None, sw=None)) for row in (*base, *large)]
    assert contrasts.contrasts(blind) == []


def test_gains_by_language(tmp_path: Path, group: Group) -> None:
    def row(seed: int, own: dict[str, float], none: dict[str, float]) -> CellRow:
        return replace(group("lora", "mnli", [0.0])[0], record=record_of(**own), baseline=record_of(**none))

    rows = [
        row(1, {"en": 90.0, "de": 70.0, "sw": 50.0, "zh": 61.0}, {"en": 80.0, "de": 60.0, "sw": 55.0, "zh": 60.0}),
        row(2, {"en": 90.0, "de": 72.0, "sw": 50.0, "zh": 61.0}, {"en": 80.0, "de": 60.0, "sw": 57.0, "zh": 60.0}),
    ]
    (found,) = language_gains.language_gains(rows)
    assert found.gains == {"de": 11.0, "sw": -6.0, "zh": 1.0}, "English is no zero-shot language"
    assert language_gains.cells(rows) == [["base", "lora", "mnli", "xnli", "+2.0", "8.5", "1 of 3", "sw -6.0"]]
    assert language_gains.write(rows, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8") as stream:
        assert [(line["language"], line["gain"]) for line in csv.DictReader(stream)] == [
            ("de", "11.0"),
            ("sw", "-6.0"),
            ("zh", "1.0"),
        ]
    assert not language_gains.write(group("lora", "none", [60.0]), tmp_path / "none.csv")
