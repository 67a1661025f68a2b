"""The labels of one cell: scores that are not defined, the matrix of a few labels, the pairs of many."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from layover.errors import LayoverError
from layover.label_counts import Counts, LabelCounts, count, write_counts
from layover.plan import Cell
from layover.report.cell_labels import CellLabels, labels_of_cell

CELL = Cell("base", "lora", "none", "moods", 1, "t", "s", None)


def counts(text: str) -> Counts:
    """Return the counts of `bg bb`: gold b predicted as g, gold b as b."""
    return count((pair[0], pair[1]) for pair in text.split())


def plan(*labels: str, kind: str = "classification") -> Any:
    return SimpleNamespace(recipe=SimpleNamespace(tasks={"moods": SimpleNamespace(kind=kind, labels=labels)}))


def store(folder: Path) -> Any:
    return SimpleNamespace(path=lambda _key: folder)


def test_labels_are_in_the_order_of_the_task_then_others(tmp_path: Path) -> None:
    write_counts(tmp_path / "classes.json", LabelCounts(languages={"de": counts("gg"), "en": counts("gg ng bg")}))
    found = labels_of_cell(plan("n", "g", "x"), store(tmp_path), CELL, ["en", "fr"])
    assert found.order == ("n", "g", "b")
    assert found.lines() == [
        ["en", "n", None, 0.0, 0.0, 1, 0, 0],
        ["en", "g", pytest.approx(100 / 3), 100.0, 50.0, 1, 3, 1],
        ["en", "b", None, 0.0, 0.0, 1, 0, 0],
    ]
    sentence, headers, rows = found.table()
    assert sentence == "lines are gold, columns are predictions, of one language"
    assert headers == ["gold", "n", "g", "b"]
    assert rows == [["n", "0", "1", "0"], ["g", "0", "1", "0"], ["b", "0", "1", "0"]]
    assert found.as_json()["confused"] == [
        {"gold": "b", "predicted": "g", "count": 1},
        {"gold": "n", "predicted": "g", "count": 1},
    ]


def test_of_many_labels_the_most_confused_pairs_are_shown() -> None:
    letters = "abcdefghijkl"
    wrong = " ".join(f"{gold}{answer}" for gold in letters for answer in "ab" if gold != answer)
    both = {"de": counts(f"{wrong} ca ca"), "en": counts("ca")}
    both["de"] = both["de"].model_copy(update={"left_out": 7})
    found = CellLabels(both, tuple(letters))
    sentence, headers, rows = found.table()
    assert sentence == (
        "20 of 22 confused pairs, of all these languages together; the store does not name the labels of 7 wrong "
        "predictions"
    )
    assert headers == ["gold", "predicted", "count"]
    assert rows[:2] == [["c", "a", "4"], ["a", "b", "1"]]
    assert len(rows) == 20
    assert len(found.as_json()["confused"]) == 22
    assert found.as_json()["left_out"] == 7


def test_what_is_not_counted_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LayoverError, match="answers of the kind span are not labels"):
        labels_of_cell(plan(kind="span"), store(tmp_path), CELL, ["en"])
    with pytest.raises(LayoverError, match="an older version of Layover scored it"):
        labels_of_cell(plan("g"), store(tmp_path), CELL, ["en"])
    write_counts(tmp_path / "classes.json", LabelCounts(languages={"en": counts("gg")}))
    with pytest.raises(LayoverError, match="no language has a score"):
        labels_of_cell(plan("g"), store(tmp_path), CELL, ["de"])
