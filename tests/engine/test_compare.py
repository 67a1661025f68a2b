"""Two real sweeps are compared; every scored language has items, and gains rest on them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from tests.engine.conftest import Folder, Working

from layover.records import read_record
from layover.statistics import GROUPS
from layover.steps.items import read_items


def test_every_score_has_its_items(finished: Folder) -> None:
    records = sorted((finished.root / "store" / "nodes").rglob("record.json"))
    assert records
    for path in records:
        record, items = read_record(path), read_items(path.with_name("items.safetensors"))
        assert set(items) == set(record.scored())
        assert {values.shape for values in items.values()} <= {(len(record.metrics), GROUPS)}


def test_gains_of_few_seeds_rest_on_items(finished: Folder, tmp_path: Path) -> None:
    finished.run("report", "recipe.yaml", "--out", str(tmp_path))
    with (tmp_path / "gains.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert lines
    assert {line["basis"] for line in lines} <= {"items", "none"}
    assert {line["mark"] for line in lines} == {"open"}
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.fixture
def copied(finished: Folder, tmp_path: Path) -> Working:
    """A copy of the finished sweep."""
    shutil.copytree(finished.root, tmp_path / "work", symlinks=True)
    return Working(tmp_path / "work")


def test_two_recipes_are_compared(copied: Working) -> None:
    text = (copied.root / "recipe.yaml").read_text(encoding="utf-8")
    (copied.root / "other.yaml").write_text(text.replace("epochs: 2", "epochs: 1"), encoding="utf-8")
    assert text != (copied.root / "other.yaml").read_text(encoding="utf-8")
    assert "nothing changed" in copied.run("compare", "recipe.yaml", "recipe.yaml", "--changed")
    copied.run("run", "other.yaml")
    told = json.loads(copied.run("compare", "recipe.yaml", "other.yaml", "--json"))
    assert told["first_only"] == told["second_only"] == []
    changed = [change for change in told["changes"] if change["reason"] is None]
    assert changed
    for change in changed:
        assert change["difference"] == pytest.approx(change["second"] - change["first"])
        assert (change["p"], change["mark"]) == (None, "open"), "one or two seeds"
    shown = copied.run("compare", "recipe.yaml", "other.yaml", "--changed")
    assert "difference" in shown
    assert "--other-store" in copied.run("compare", "recipe.yaml", code=2)
