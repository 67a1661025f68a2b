from __future__ import annotations

import csv
from pathlib import Path

from layover.plan import Cell
from layover.report.costs import TargetCost
from layover.report.rows import CellRow
from layover.report.sections import costs


def row(method: str, target: str, cost: TargetCost | None) -> CellRow:
    cell = Cell("base", method, "nli+qa", target, 1, "t", "s", None)
    return CellRow(cell, "accuracy", "test", {}, None, None, None, cost=cost)


def test_weights_and_seconds_by_method(tmp_path: Path) -> None:
    rows = [
        row("fuse", "ner", TargetCost(21_000, 3.0, 40.0)),
        row("fuse", "copa", TargetCost(22_000, 4.0, 44.0)),
        row("fuse", "pos", TargetCost(22_000, None, 42.0)),  # stopped in between: its clock saw a part
        row("goose", "ner", TargetCost(500, 2.0, None)),
        row("goose", "aligned", None),
    ]
    assert costs.cells(rows) == [
        ["base", "fuse", "nli+qa", "21,000 to 22,000", "3.5", "42.0"],
        ["base", "goose", "nli+qa", "500", "2.0", "–"],
    ]
    assert costs.write(rows, tmp_path / "costs.csv")
    lines = list(csv.DictReader((tmp_path / "costs.csv").read_text(encoding="utf-8").splitlines()))
    assert [(line["target"], line["weights"], line["seconds"]) for line in lines] == [
        ("ner", "21000", "3.0"),
        ("copa", "22000", "4.0"),
        ("pos", "22000", ""),
        ("ner", "500", "2.0"),
    ]


def test_without_a_training_there_is_nothing_to_tell(tmp_path: Path) -> None:
    rows = [row("merge", "aligned", None)]
    assert costs.SECTION.whole is not None
    assert not costs.cells(rows)
    assert not costs.write(rows, tmp_path / "costs.csv")
    assert not (tmp_path / "costs.csv").exists()
