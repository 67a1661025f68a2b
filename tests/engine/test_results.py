"""The scores of a sweep as a table of pandas: what the records say, and a reason for what is missing."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.engine.conftest import Folder

import layover
from layover.errors import RecipeError, StoreError
from layover.store import Store

TYPES = {
    "model": "string",
    "method": "string",
    "intermediate": "string",
    "target": "string",
    "seed": "int64",
    "language": "string",
    "metric": "string",
    "score": "float64",
    "examples": "Int64",
    "zero_shot": "boolean",
    "missing": "string",
    "key": "string",
}


def table(folder: Folder, *overrides: str, store: str = "store") -> pd.DataFrame:
    with contextlib.chdir(folder.root):
        return layover.results("recipe.yaml", store=store, overrides=overrides)


def test_a_line_is_a_score_of_a_record(finished: Folder) -> None:
    found = table(finished)
    assert list(found.columns) == list(TYPES)
    assert all(found[name].dtype == pd.api.types.pandas_dtype(wanted) for name, wanted in TYPES.items())
    records = {key: json.loads(raw) for key, raw in finished.records().items()}
    assert {*found.key} == {*records}
    assert not found.duplicated(["key", "language", "metric"]).any()
    assert len(found) == sum(len(record["metrics"]) * len(record["languages"]) for record in records.values())
    for line in found.itertuples():
        record = records[line.key]
        assert line.score == record["languages"][line.language][line.metric]
        assert line.examples == record["examples"][line.language]
    assert found.missing.isna().all()
    assert {*found.seed} == {1, 2}


def test_it_has_the_numbers_of_the_report(finished: Folder) -> None:
    finished.run("report", "recipe.yaml", "--out", "as_table")
    with (finished.root / "as_table" / "scores.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = ["model", "method", "intermediate", "target", "seed", "language", "metric", "score", "examples"]
    found = table(finished)[names]
    assert [tuple(row[name] for name in names) for row in rows] == [tuple(map(str, line)) for line in found.to_numpy()]


def test_zero_shot_is_unknown_where_the_language_of_training_is(finished: Folder) -> None:
    assert table(finished).zero_shot.isna().all(), "the recipe does not say in which language it trains"


def test_a_language_that_is_not_that_of_training_is_zero_shot(finished: Folder) -> None:
    found = table(finished, "tasks.moods.train_language=en")
    assert dict(zip(found.language, found.zero_shot, strict=True)) == {"en": False, "de": True}


def test_what_is_missing_has_a_reason_and_no_number(finished: Folder) -> None:
    found = table(finished, "sweep.seed=[1, 7]")
    new = found[found.seed == 7]
    assert len(new) == len(found[found.seed == 1])
    assert new.score.isna().all()
    assert new.examples.isna().all()
    assert {*new.missing} == {"not run"}
    assert found[found.seed == 1].score.notna().all()


def test_a_failed_or_damaged_cell_says_why(finished: Folder, tmp_path: Path) -> None:
    shutil.copytree(finished.root / "store", tmp_path / "store")
    first, second = table(finished).key.unique()[:2]
    place = tmp_path / "store" / "nodes"
    (place / first[:2] / first / "record.json").write_text("{}", encoding="utf-8")
    shutil.rmtree(place / second[:2] / second)
    Store(tmp_path / "store").failures.add(second, {"error": "out of memory", "traceback": None})
    found = table(finished, store=str(tmp_path / "store"))
    assert found[found.key == first].missing.str.startswith("damaged: record.json").all()
    assert {*found[found.key == second].missing} == {"out of memory"}
    assert found[found.key.isin([first, second])].score.isna().all()


def test_mistakes_are_errors_that_a_user_can_mend(finished: Folder) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        table(finished, store="nowhere")
    with pytest.raises(RecipeError, match="unknown key"):
        table(finished, "train.epoch=1")


def test_no_torch_is_imported(finished: Folder) -> None:
    code = """
import layover, sys
before = "pandas" in sys.modules
print(before, len(layover.results("recipe.yaml")) > 0, "torch" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=finished.root, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "False"]
