"""Robustness: clean and perturbed scores, the drop, and the difference of two gains."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import t
from tests.report.conftest import Group, items_of, record_of

from layover.records import TextChanges
from layover.report import CellRow
from layover.report.gains import ReportRows, gains
from layover.report.main_table import cells as all_scores
from layover.report.perturbed import PerturbedScores
from layover.report.sections import robustness
from layover.report.summary import summary
from layover.statistics import GROUPS

CHANGES = TextChanges(
    perturbation="typos-10", seed=1, words={"en": 100, "sw": 200, "ar": 0}, changed={"en": 50, "sw": 19, "ar": 0}
)


def under(
    rows: Sequence[CellRow], label: str, scores: Sequence[float | None], none: Sequence[float] = (), error: float = 1.0
) -> list[CellRow]:
    """Return rows with scores under a perturbation, beside those that they have."""
    changed = []
    for number, row in enumerate(rows):
        score = scores[number]
        own = None if score is None else record_of(en=1.0, sw=score).model_copy(update={"perturbed": CHANGES})
        other = record_of(en=2.0, sw=none[number]) if none else None
        made = PerturbedScores(
            key=f"{row.cell.score} {label}",
            record=own,
            baseline_key=f"{row.cell.baseline} {label}" if none else None,
            baseline=other,
            items=None if own is None else items_of(own, 200 + number, error),
            baseline_items=None if other is None else items_of(other, 300 + number, error),
        )
        changed.append(replace(row, perturbed={**row.perturbed, label: made}))
    return changed


def test_the_change_of_a_gain_is_paired_by_seed(group: Group) -> None:
    rows = group("lora", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5], error=1e-9)
    rows = under(rows, "typos-10", [60.0, 64.0, 65.0], [55.0, 58.0, 60.0], error=1e-9)
    (made,) = robustness.robustness(rows)
    clean, perturbed = [1.0, 2.0, -0.5], [5.0, 6.0, 5.0]
    by_seed = [5.0 - 1.0, 6.0 - 2.0, 5.0 + 0.5]
    mean = sum(by_seed) / 3
    assert made.finding is not None
    assert made.finding.difference.mean == pytest.approx(mean)
    assert made.gains == pytest.approx((sum(clean) / 3, sum(perturbed) / 3))
    (part,) = made.finding.difference.trainings
    variance = sum((value - mean) ** 2 for value in by_seed) / 2 / 3
    assert (part.variance, part.df) == pytest.approx((variance, 2))
    half = t.ppf(0.975, 2) * variance**0.5
    assert made.finding.interval == pytest.approx((mean - half, mean + half), rel=1e-3)
    assert made.clean is not None
    assert made.perturbed is not None
    assert made.drop is not None
    assert (made.clean.mean, made.perturbed.mean, made.drop.mean) == pytest.approx((71.0, 63.0, -8.0))
    drops = [-10.0, -8.0, -6.0]
    assert made.drop.deviation == pytest.approx(float(np.std(drops, ddof=1))), "paired by seed"
    assert (made.perturbation, made.languages, made.family) == ("typos-10", "zero-shot", 1)
    assert made.changed == pytest.approx(9.5), "of the zero-shot languages"


def test_items_are_paired(group: Group) -> None:
    """Where a perturbation changes no item's result, the change of the gain has no variance over items."""
    rows = group("lora", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5], error=3.0)
    same = []
    for row in rows:
        made = PerturbedScores("k", row.record, "b", row.baseline, row.items, row.baseline_items)
        same.append(replace(row, perturbed={"case-5": made}))
    (entry,) = robustness.robustness(same)
    assert entry.finding is not None
    assert entry.finding.difference.mean == 0.0
    assert np.nansum(np.abs(entry.finding.difference.items)) == pytest.approx(0.0)
    assert entry.finding.difference.items.shape == (GROUPS,)  # type: ignore[union-attr]
    assert entry.finding.mark == "open"


def test_only_seeds_with_all_four_scores_count(group: Group) -> None:
    rows = group("lora", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5])
    rows = under(rows, "typos-10", [60.0, None, 65.0], [55.0, 58.0, 60.0])
    (made,) = robustness.robustness(rows)
    assert made.finding is not None
    assert made.finding.difference.count == 2
    assert made.finding.difference.mean == pytest.approx(((5.0 - 1.0) + (5.0 + 0.5)) / 2)
    assert made.drop is not None
    assert (made.drop.count, made.drop.mean) == (2, pytest.approx(-8.0))
    assert [row.is_scored for row in rows] == [True, False, True]
    (line,) = robustness.cells([made])
    assert line[8] == "-8.0 ± 2.8 over 2 seeds, others missing"
    failing = replace(rows[1].perturbed["typos-10"], failure="no room on the disk")
    rows[1] = replace(rows[1], perturbed={"typos-10": failing})
    assert robustness.robustness(rows)[0].reason == "failed"


def test_missing_scores_are_no_numbers(group: Group) -> None:
    alone = under(group("lora", "none", [70.0, 72.0]), "typos-10", [60.0, 64.0])
    (made,) = robustness.robustness(alone)
    assert (made.finding, made.gains) == (None, None)
    assert made.drop is not None
    missing = under(group("lora", "mnli", [70.0, 72.0], [1.0, 2.0]), "typos-10", [None, None], [55.0, 58.0])
    (made,) = robustness.robustness(missing)
    assert (made.clean, made.perturbed, made.drop, made.finding) == (None, None, None, None)
    (line,) = robustness.cells([made])
    assert line[5:] == ["–", "missing", "missing", "–", "–"]


def test_scores_over_other_languages_are_not_compared(group: Group) -> None:
    rows = under(group("lora", "mnli", [70.0, 72.0], [69.0, 70.0]), "typos-10", [60.0, 64.0], [55.0, 58.0])
    narrow = []
    for row in rows:
        scores = replace(row.perturbed["typos-10"], record=record_of(en=90.0, de=1.0))
        narrow.append(replace(row, perturbed={"typos-10": scores}))
    (made,) = robustness.robustness(narrow)
    assert (made.drop, made.finding) == (None, None)
    assert made.reason == "scored over other languages"


def test_all_perturbations_of_a_target_are_one_family(group: Group) -> None:
    rows = group("lora", "mnli", [70.0, 70.2, 70.1], [60.0, 60.1, 60.2], error=0.05)
    other = group("lora", "qqp", [70.3, 70.2, 70.1], [60.0, 60.1, 60.2], target="panx", error=0.05)
    for label, scores in (("typos-10", [60.1, 60.0, 60.2]), ("words-20", [70.1, 70.0, 70.2])):
        rows = under(rows, label, scores, [60.0, 60.1, 60.2], error=0.05)
        other = under(other, label, scores, [60.0, 60.1, 60.2], error=0.05)
    every = [*rows, *other]
    entries = robustness.robustness(ReportRows.of(every, ("target",)))
    assert [entry.family for entry in entries] == [2, 2, 2, 2]
    marks = {(entry.group[3], entry.perturbation): entry.finding.mark for entry in entries if entry.finding}
    assert marks["xnli", "typos-10"] == "loss", "a gain of 10 points is gone"
    assert marks["xnli", "words-20"] == "open"
    assert {entry.family for entry in robustness.robustness(ReportRows.of(every, ()))} == {4}


def test_a_result_without_a_seed_fits_every_seed(group: Group) -> None:
    rows = group("lora", "mnli", [51.0, 52.0, 53.0], [50.0, 50.0, 50.0])
    rows = under(rows, "typos-10", [41.0, 42.0, 43.0], [40.0, 40.0, 40.0])
    rows = [replace(row, cell=replace(row.cell, baseline_seeded=False)) for row in rows]
    (made,) = robustness.robustness(rows)
    assert made.finding is not None
    assert made.finding.difference.count == 3
    assert made.finding.difference.mean == pytest.approx(0.0)


def test_no_other_table_knows_perturbed_scores(group: Group) -> None:
    rows = [*group("lora", "none", [60.0, 61.0]), *group("lora", "mnli", [70.0, 72.0], [60.0, 61.0])]
    perturbed = [*under(rows[:2], "typos-10", [1.0, 2.0]), *under(rows[2:], "typos-10", [3.0, 4.0], [1.0, 2.0])]
    assert [gain.text() for gain in gains(perturbed)] == [gain.text() for gain in gains(rows)]
    assert all_scores(perturbed, None) == all_scores(rows, None)
    assert {name: [cell.score() for cell in line.values()] for name, line in summary(perturbed).lines.items()} == {
        name: [cell.score() for cell in line.values()] for name, line in summary(rows).lines.items()
    }
    assert [row.value for row in perturbed] == [row.value for row in rows]


def test_the_section_and_its_file(group: Group, tmp_path: Path) -> None:
    rows = under(
        group("lora", "mnli", [70.0, 72.0, 71.0], [69.0, 70.0, 71.5]),
        "typos-10",
        [60.0, 64.0, 65.0],
        [55.0, 58.0, 60.0],
    )
    assert robustness.SECTION.whole is not None
    title, text, table = robustness.SECTION.whole(SimpleNamespace(), rows)  # type: ignore[arg-type]
    assert title == "## Robustness"
    assert "adjusted for all perturbations and comparisons with the same target" in text
    assert "| base | lora | mnli | xnli | typos-10 | 9.5 | 71.0 ± 1.0 | 63.0 ± 2.6 | -8.0 ± 2.0 | +4.5 " in table
    assert robustness.write(rows, tmp_path / "robustness.csv")
    with (tmp_path / "robustness.csv").open(encoding="utf-8") as stream:
        (line,) = csv.DictReader(stream)
    assert (line["perturbation"], line["seeds"], line["mark"]) == ("typos-10", "3", "gain")
    assert float(line["gain_perturbed"]) - float(line["gain_clean"]) == pytest.approx(float(line["difference"]))
    assert float(line["perturbed"]) - float(line["clean"]) == pytest.approx(float(line["drop"]))


def test_without_perturbations_there_is_nothing(group: Group, tmp_path: Path) -> None:
    rows = group("lora", "mnli", [70.0], [69.0])
    assert robustness.SECTION.whole is not None
    assert robustness.SECTION.whole(SimpleNamespace(), rows) == []  # type: ignore[arg-type]
    assert not robustness.write(rows, tmp_path / "robustness.csv")
    assert not (tmp_path / "robustness.csv").exists()
