"""The best cell of a target: means are compared over the same languages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.made_specs import a_training, some_scores

from layover.errors import LayoverError
from layover.hub.choose import Wanted, best_per_target
from layover.plan import Cell
from layover.records import Record
from layover.report import CellRow


def row(method: str, seed: int = 1, target: str = "xnli", **scores: float) -> CellRow:
    record = Record(
        metrics=("accuracy",),
        source_language="en",
        languages={"en": None, "de": None, **{name: {"accuracy": value} for name, value in scores.items()}},
        examples=dict.fromkeys(scores, 10),
        missing={},
    )
    cell = Cell("base", method, "none", target, seed, "training", "scoring", None)
    return CellRow(cell, "accuracy", "test", {}, record, None, None)


def best(*rows: CellRow) -> tuple[list[Wanted], list[str]]:
    """Return what is best, and what is said about it."""
    nodes = {
        "training": SimpleNamespace(kind="train", spec=a_training()),
        "scoring": SimpleNamespace(spec=some_scores()),
    }
    methods = {one.cell.method: SimpleNamespace(languages=None) for one in rows}
    plan: Any = SimpleNamespace(nodes=nodes, recipe=SimpleNamespace(methods=methods), pending=())
    notes: list[str] = []
    return best_per_target(plan, rows, note=notes.append), notes


def test_a_cell_that_is_scored_in_english_alone_is_not_best() -> None:
    (chosen,), notes = best(row("narrow", en=90.0), row("wide", en=80.0, de=60.0), row("low", en=70.0, de=60.0))
    assert (chosen.method, chosen.best_of) == ("wide", 2)
    assert notes == ["xnli: not compared for the best cell: base/narrow/none/xnli/1 (no score in de)"]


def test_a_seed_that_is_scored_in_fewer_languages_does_not_count() -> None:
    rows = [row("a", 1, en=99.0), row("a", 2, en=80.0, de=40.0), row("b", 1, en=80.0, de=50.0)]
    (chosen,), notes = best(*rows)
    assert (chosen.method, chosen.best_of) == ("b", 2)
    assert notes == ["xnli: not compared for the best cell: base/a/none/xnli/1 (no score in de)"]
    (chosen,), _ = best(*rows[:2])
    assert (chosen.seed, chosen.best_of) == (2, None)


def test_equal_languages_need_no_word() -> None:
    (chosen,), notes = best(row("a", 1, en=70.0), row("a", 2, en=90.0), row("b", 1, en=79.0))
    assert (chosen.method, chosen.seed, notes) == ("a", 1, [])


def test_without_a_cell_in_every_language_nothing_is_best() -> None:
    unequal = [row("a", en=90.0), row("b", de=60.0)]
    (chosen,), notes = best(*unequal, row("a", target="xcopa", en=50.0))
    assert chosen.name == "xcopa"
    (note,) = notes
    assert note.startswith("xnli: nothing is exported, because no cell is scored in every language: ")
    assert note.endswith("base/a/none/xnli/1 (no score in de); base/b/none/xnli/1 (no score in en)")
    with pytest.raises(LayoverError, match="no cell has a score in every language of its target"):
        best(*unequal)
