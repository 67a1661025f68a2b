"""Gains: differences over the right languages and seeds, families by target, what tables and files say of them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from tests.report.conftest import Group, record_of

from layover.report import CellRow
from layover.report.gains import Gain, ReportRows, gains, shown
from layover.report.sections import gains as section
from layover.report.sections import gains_plot, transfer_plot
from layover.report.seed_scores import mean_items
from layover.statistics import GROUPS

NONE = [60.0, 61.0, 62.0]


def far(rows: list[CellRow]) -> list[Gain]:
    return [gain for gain in gains(rows) if gain.languages == "zero-shot"]


def test_differences_are_over_all_and_over_zero_shot_languages(group: Group) -> None:
    every, zero_shot = gains(group("lora", "mnli", [70.0, 71.0, 72.0], NONE))
    assert (every.languages, zero_shot.languages) == ("all", "zero-shot")
    assert every.finding is not None
    assert zero_shot.finding is not None
    assert every.finding.difference.mean == pytest.approx(5.0)
    assert zero_shot.finding.difference.mean == pytest.approx(10.0)
    assert zero_shot.mark == "gain"
    assert shown([every, zero_shot]) == [zero_shot]


@pytest.mark.parametrize(("change", "mark"), [(10.0, "gain"), (-10.0, "loss"), (0.5, "open")])
def test_marks(group: Group, change: float, mark: str) -> None:
    (found,) = far(group("lora", "mnli", [score + change for score in NONE], NONE))
    assert found.mark == mark
    arrow = {"gain": " ▲", "loss": " ▼", "open": ""}[mark]
    assert found.text().startswith(f"{change:+.1f} [")
    assert found.text().endswith("]" + arrow)


def test_two_seeds_have_an_interval_over_items_and_no_mark(group: Group) -> None:
    (found,) = far(group("lora", "mnli", [90.0, 91.0], NONE[:2]))
    assert found.finding is not None
    assert (found.finding.basis, found.mark, found.family) == ("items", "open", 0)
    assert found.text().endswith("] (items)")
    assert "over test items alone" in section.explained([found], ("target",))
    assert "▲" not in section.explained([found], ("target",))


def test_a_family_has_the_comparisons_of_one_target(group: Group) -> None:
    rows = [
        *group("lora", "none", NONE),
        *group("lora", "mnli", [70.0, 71.0, 72.0], NONE),
        *group("lora", "qqp", [60.0, 61.5, 62.0], NONE),
        *group("lora", "mnli", [70.0, 71.0, 72.0], NONE, target="copa"),
        *group("lora", "qqp", [70.0, 71.0], NONE[:2], target="copa"),
    ]
    found = far(rows)
    assert [(gain.intermediate, gain.target, gain.family) for gain in found] == [
        ("mnli", "xnli", 2),
        ("qqp", "xnli", 2),
        ("mnli", "copa", 1),
        ("qqp", "copa", 1),
    ]
    assert "Comparisons: xnli 2, copa 1." in section.explained(found, ("target",))


def test_equal_work_is_one_comparison(group: Group) -> None:
    """Two methods that are the same without a module on top have equal keys."""
    rows = group("lora", "mnli", [70.0, 71.0, 72.0], NONE)
    copies = [replace(row, cell=replace(row.cell, method="stack")) for row in rows]
    once, twice = far(rows), far([*rows, *copies])
    assert [gain.family for gain in twice] == [1, 1]
    first, second = (gain.finding for gain in twice)
    assert first is second
    assert first is not None
    assert once[0].finding is not None
    assert (first.interval, first.p) == (once[0].finding.interval, once[0].finding.p)


def test_seeds_over_other_languages_have_no_common_gain(group: Group) -> None:
    rows = group("lora", "mnli", [70.0, 71.0, 72.0], NONE)
    narrow = record_of(en=90.0, de=70.0)
    rows[0] = replace(rows[0], record=narrow, baseline=narrow)
    (gap,) = far(rows)
    assert (gap.finding, gap.text()) == (None, "–, scored over other languages")


def test_a_gain_without_items_has_no_interval(group: Group) -> None:
    rows = [replace(row, items=None) for row in group("lora", "mnli", [80.0, 81.0, 82.0], NONE)]
    (found,) = far(rows)
    assert (found.text(), found.mark) == ("+20.0", "open")
    assert "A difference without an interval" in section.explained([found], ("target",))


def test_a_missing_seed_is_left_out_and_a_missing_side_is_a_gap(group: Group, tmp_path: Path) -> None:
    rows = group("lora", "mnli", [70.0, 71.0, 72.0], NONE)
    rows[0] = replace(rows[0], baseline=None)
    (found,) = far(rows)
    assert found.finding is not None
    assert found.finding.difference.count == 2
    assert found.text().endswith("over 2 of 3 seeds")
    (gap,) = far([replace(row, baseline=None) for row in rows])
    assert (gap.finding, gap.mark, gap.text()) == (None, "missing", "–, missing")
    section.write([found, gap], tmp_path / "gains.csv")
    with (tmp_path / "gains.csv").open(encoding="utf-8") as stream:
        first, second = csv.DictReader(stream)
    assert (first["seeds"], first["basis"], first["p"]) == ("2", "items", "")
    assert (second["difference"], second["seeds"], second["mark"], second["reason"]) == ("", "0", "missing", "missing")


def test_the_file_has_every_number(group: Group, tmp_path: Path) -> None:
    section.write(gains(group("lora", "mnli", [70.0, 71.5, 72.0], NONE)), tmp_path / "gains.csv")
    with (tmp_path / "gains.csv").open(encoding="utf-8") as stream:
        _, line = csv.DictReader(stream)
    (gain,) = far(group("lora", "mnli", [70.0, 71.5, 72.0], NONE))
    assert gain.finding is not None
    assert gain.finding.interval is not None
    assert float(line["difference"]) == gain.finding.difference.mean
    assert (float(line["low"]), float(line["high"])) == gain.finding.interval
    assert (float(line["p"]), line["family"], line["mark"]) == (gain.finding.p, "1", "gain")


def test_the_matrix_shows_gains_marks_and_gaps(group: Group) -> None:
    rows = [
        *group("lora", "none", NONE),
        *group("lora", "mnli", [70.0, 71.0, 72.0], NONE),
        *(replace(row, baseline=None) for row in group("lora", "qqp", [70.0], [60.0])),
    ]
    drawn = transfer_plot.draw(rows)
    assert drawn is not None
    (axis,) = drawn.axes
    assert [text.get_text() for text in axis.texts] == ["+10.0▲"]
    (cross,) = axis.collections
    assert isinstance(cross, LineCollection)
    assert len(cross.get_segments()) == 2
    assert [label.get_text() for label in axis.get_yticklabels()] == ["mnli", "qqp"]
    assert transfer_plot.draw(group("lora", "none", NONE)) is None


def test_a_large_matrix_shows_colours_and_marks_and_says_where_the_numbers_are(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        *group("lora", "none", NONE),
        *group("lora", "mnli", [70.0, 71.0, 72.0], NONE),
        *group("lora", "qqp", [60.0, 61.0, 62.5], NONE),
    ]
    small = transfer_plot.draw(rows)
    monkeypatch.setattr(transfer_plot, "MOST_NUMBERS", 1)
    large = transfer_plot.draw(rows)
    assert small is not None
    assert large is not None
    assert small.get_supxlabel() == ""
    assert large.get_supxlabel() == "Darkest colours: ±10.0 points. gains.csv has all numbers."
    assert [len(axis.texts) for axis in (*small.axes, *large.axes)] == [2, 0]
    (marks,) = large.axes[0].collections
    assert np.asarray(marks.get_offsets()).tolist() == [[0.0, 0.0]], "one gain is larger than chance"
    grid = np.asarray(large.axes[0].images[0].get_array()).ravel()
    assert grid.tolist() == np.asarray(small.axes[0].images[0].get_array()).ravel().tolist()


def test_the_forest_shows_intervals(group: Group) -> None:
    rows = group("lora", "mnli", [70.0, 71.0, 72.0], NONE) + group("full", "mnli", [60.0, 61.0], NONE[:2])
    drawn = gains_plot.draw(rows)
    assert drawn is not None
    (axis,) = drawn.axes
    solid, dotted = (collection for collection in axis.collections)
    (gain, _) = far(rows)
    assert gain.finding is not None
    (line,) = solid.get_segments()
    assert [x for x, _ in line] == pytest.approx(list(gain.finding.interval or ()))
    assert len(dotted.get_segments()) == 1, "the other one is over items alone"
    assert dotted.get_linestyle() != solid.get_linestyle()
    assert [text.get_text() for text in axis.texts] == ["▲"]
    assert gains_plot.draw([replace(row, items=None) for row in rows]) is None


def test_items_of_several_languages_are_averaged() -> None:
    """Translations of one item stand or fall together, so their mean is no more certain than one of them."""
    record = record_of(en=90.0, sw=60.0, de=70.0)
    values = np.full((1, GROUPS), np.nan)
    values[0, :3] = [0.5, -0.5, 0.0]
    other = np.full((1, GROUPS), np.nan)
    other[0, :2] = [0.3, -0.3]
    mean = mean_items(record, {"en": values, "sw": values, "de": other}, "accuracy", zero_shot=True)
    assert mean is not None
    assert mean[:3] == pytest.approx([0.4, -0.4, 0.0])
    assert np.isnan(mean[3:]).all()
    assert mean_items(record, {"en": values, "sw": values}, "accuracy", zero_shot=True) is None
    assert mean_items(record_of(en=None), {}, "accuracy", zero_shot=False) is None


def test_a_declared_family_decides_which_comparisons_are_adjusted_together(group: Group) -> None:
    rows = [
        row
        for target in ("xnli", "panx")
        for method in ("full", "lora")
        for intermediate in ("mnli", "qqp")
        for row in group(method, intermediate, [64.0, 65.0, 66.5], [60.0, 62.0, 61.0], target=target)
    ]
    sizes = {
        axes: {gain.family for gain in gains(ReportRows.of(rows, axes))}
        for axes in (("target",), ("target", "method"), (), ("method",), ("model", "method", "intermediate", "target"))
    }
    assert list(sizes.values()) == [{4}, {2}, {8}, {4}, {1}]
    by_family = [max(gain.finding.p for gain in gains(ReportRows.of(rows, axes))) for axes in sizes]
    assert by_family[4] < by_family[1] < by_family[0] < by_family[2], "more comparisons, larger p-values"
    text = section.explained(gains(ReportRows.of(rows, ("method",))), ("method",))
    assert "adjusted for all comparisons with the same method" in text
    assert "Comparisons: full 4, lora 4." in text
    assert "adjusted for all comparisons of the report" in section.explained(gains(ReportRows.of(rows, ())), ())


def test_equal_work_in_two_families_is_one_comparison_of_each(group: Group) -> None:
    first = group("lora", "mnli", [64.0, 65.0, 66.5], NONE)
    copy = [replace(row, cell=replace(row.cell, method="stack")) for row in first]
    rows = [*first, *copy, *group("stack", "qqp", [61.0, 60.0, 64.5], NONE)]
    found = {gain.group: gain for gain in shown(gains(ReportRows.of(rows, ("method",))))}
    assert {name[1:]: gain.family for name, gain in found.items()} == {
        ("lora", "mnli"): 1,
        ("stack", "mnli"): 2,
        ("stack", "qqp"): 2,
    }
    together = {gain.family for gain in shown(gains(ReportRows.of(rows, ())))}
    assert together == {2}, "in one family the copy is the same comparison"


def test_one_family_has_all_shown_gains_whatever_their_languages(group: Group) -> None:
    """A target without a zero-shot language is shown over all its languages."""
    far_rows = [row for name in ("mnli", "qqp") for row in group("lora", name, [64.0, 65.0, 66.5], NONE)]
    near_rows = [
        replace(row, record=record_of(en=row.record.value("sw", "accuracy")), baseline=record_of(en=NONE[seed]))
        for name in ("mnli", "qqp", "squad")
        for seed, row in enumerate(group("lora", name, [64.0, 65.0, 66.5], NONE, target="stsb"))
        if row.record is not None
    ]
    near_rows = [
        replace(row, items={"en": row.items["sw"]}, baseline_items={"en": row.baseline_items["sw"]})
        for row in near_rows
        if row.items is not None and row.baseline_items is not None
    ]
    found = gains(ReportRows.of([*far_rows, *near_rows], ()))
    assert [(gain.target, gain.languages, gain.family) for gain in shown(found)] == [
        *[("xnli", "zero-shot", 5)] * 2,
        *[("stsb", "all", 5)] * 3,
    ]
    assert {(gain.target, gain.languages, gain.family) for gain in found if not gain.shown} == {("xnli", "all", 2)}
