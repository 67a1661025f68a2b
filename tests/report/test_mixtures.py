"""The section on mixtures: each training once, seeds together, shared trainings under all their methods."""

from __future__ import annotations

import csv
from pathlib import Path

from layover.plan import Cell
from layover.report.learned import Contribution, LearnedMixture, Point
from layover.report.rows import CellRow
from layover.report.sections import mixtures


def learned(seed: int, nli: float | None, text: float | None, steps: tuple[int, int] = (30, 10)) -> LearnedMixture:
    mean = None if nli is None or text is None else (nli + text) / 2
    tasks = (
        Contribution("nli", 8 * steps[0], steps[0], None if nli is None else "accuracy", nli),
        Contribution("text", 8 * steps[1], steps[1], None if text is None else "mlm_accuracy", text),
    )
    points = () if mean is None else (Point(40, "nli", "accuracy", nli or 0.0), Point(40, "", "mean", mean))
    return LearnedMixture(f"key{seed}", "both", seed, tasks, mean, points)


def row(method: str, target: str, *found: LearnedMixture) -> CellRow:
    cell = Cell("base", method, "both", target, found[0].seed, "t", "s", None)
    return CellRow(cell, "accuracy", "test", {}, None, None, None, mixtures=tuple(found))


def test_a_line_for_each_task_and_one_for_the_mean() -> None:
    one, two = learned(1, 70.0, 30.0), learned(2, 72.0, 32.0, (60, 20))
    rows = [
        row(method, target, found) for method in ("lora", "stack") for target in ("ner", "qa") for found in (one, two)
    ]
    assert mixtures.cells(rows) == [
        ["both", "base", "lora, stack", "nli", "360 ± 170", "75.0 %", "accuracy 71.0 ± 1.4", "2"],
        ["both", "base", "lora, stack", "text", "120 ± 57", "25.0 %", "mlm_accuracy 31.0 ± 1.4", "2"],
        ["both", "base", "lora, stack", "mean", "", "", "51.0 ± 1.4", "2"],
    ]


def test_without_a_selection_there_is_no_score() -> None:
    lines = mixtures.cells([row("lora", "ner", learned(1, None, None))])
    assert [line[-2] for line in lines] == ["–", "–"]


def test_the_file_has_every_evaluation_once(tmp_path: Path) -> None:
    rows = [row("lora", target, learned(1, 70.0, 30.0)) for target in ("ner", "qa")]
    write = mixtures.SECTION.write
    assert write is not None
    assert write(rows, tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ["mixture", "model", "method", "seed", "step", "task", "metric", "value"]
    assert lines[1:] == [
        ["both", "base", "lora", "1", "40", "nli", "accuracy", "70.0"],
        ["both", "base", "lora", "1", "40", "", "mean", "50.0"],
    ]
    none = [CellRow(rows[0].cell, "accuracy", "test", {}, None, None, None)]
    assert not write(none, tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()
