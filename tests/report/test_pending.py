"""Cells that wait for a choice do not vanish from a report, from predictions, or from the best of a target."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.toy_rounds import BestRate

from layover import specs
from layover.cli.commands import gc, predictions
from layover.cli.commands.plan import summarise
from layover.cli.shared import Planned
from layover.errors import LayoverError
from layover.hub.choose import best_per_target
from layover.hub.xtreme import write_submission
from layover.plan import Plan, build, tuning
from layover.plan.choices import Choices, RoundResult
from layover.plan.hub import Revisions
from layover.recipe import load
from layover.report import frame, rows_of
from layover.report.files import write_report
from layover.report.frame import COLUMNS
from layover.steps import artifacts
from layover.store import FileHashes, Store

if TYPE_CHECKING:
    from layover.data.tokenizer import Tokenizer

WAITING = [f"tiny/lora/none/moods/{seed}" for seed in (1, 2)]


@pytest.fixture
def plan(tmp_path: Path, tokenizer: Tokenizer) -> Plan:
    from tests.plan.conftest import World

    revisions = Revisions()
    revisions.offline = True
    path = World(tmp_path / "one", tokenizer).recipe()
    recipe = load(path, ("sweep.method=[lora, head]", "sweep.intermediate=[none]"))
    return build(recipe, FileHashes(), revisions, chooser=BestRate())


def test_a_report_tells_of_cells_that_wait(plan: Plan, tmp_path: Path) -> None:
    assert [cell.label for cell in plan.pending] == WAITING
    report, scores, records = write_report(plan, rows_of(plan, Store(tmp_path / "store")), tmp_path / "report")[:3]
    text = report.read_text(encoding="utf-8")
    assert "0 of 4 cells finished" in text
    assert (
        "Note: lora.lr for moods after none: not chosen yet (one of lr=0.0001, lr=0.003, by toy); waiting cells: 2"
        in text
    )
    with scores.open(encoding="utf-8", newline="") as stream:
        missing = [(line["method"], line["seed"], line["metric"], line["missing"]) for line in csv.DictReader(stream)]
    unchosen = [("lora", seed, "accuracy", "a value of its method is not chosen yet") for seed in "12"]
    assert missing == [("head", "1", "accuracy", "not run"), ("head", "2", "accuracy", "not run"), *unchosen]
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    pending = [line for line in lines if line.get("pending")]
    assert [(line["method"], line["seed"], line["key"], line["record"]) for line in pending] == [
        ("lora", seed, None, None) for seed in (1, 2)
    ]
    assert {*pending[0]} - {"pending"} == {*lines[0]}
    assert pending[0]["pending"] == [plan.rounds[0].key]


def test_the_best_of_a_target_tells_with_what_it_is_not_compared(plan: Plan) -> None:
    notes: list[str] = []
    with pytest.raises(LayoverError, match="no cell that can be exported is finished"):
        best_per_target(plan, [], note=notes.append)
    assert notes == [
        f"moods: not compared for the best cell: {label} (a value of its method is not chosen yet)" for label in WAITING
    ]


def test_predictions_tell_what_is_not_in_them(plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LayoverError, match="no cell of the sweep is finished"):
        predictions._cells(plan, Store(tmp_path / "store"), [])
    said = capsys.readouterr().err
    assert all(f"left out: {label}: a value of its method is not chosen yet" in said for label in WAITING)
    with pytest.raises(LayoverError, match=f"{WAITING[0]}: a value of its method is not chosen yet; run the recipe"):
        predictions._cells(plan, Store(tmp_path / "store"), [WAITING[0]])


def test_the_table_of_scores_has_a_line_for_each_of_their_languages(plan: Plan, tmp_path: Path) -> None:
    lines = [dict(zip(COLUMNS, line, strict=True)) for line in frame._lines(plan, Store(tmp_path / "store"))]
    waiting = [line for line in lines if line["method"] == "lora"]
    run = [line for line in lines if line["method"] == "head"]
    for some, reason in ((waiting, "a value of its method is not chosen yet"), (run, "not run")):
        assert [(line["seed"], line["language"], line["metric"]) for line in some] == [
            (seed, language, metric)
            for seed in (1, 2)
            for language in dict.fromkeys(line["language"] for line in some)
            for metric in dict.fromkeys(line["metric"] for line in some)
        ]
        assert {(line["score"], line["examples"], line["missing"]) for line in some} == {(None, None, reason)}
    assert {line["key"] for line in waiting} == {None}
    assert {line["key"] for line in run} == {cell.score for cell in plan.cells}


def test_a_submission_waits_for_its_cells(plan: Plan, tmp_path: Path) -> None:
    waiting = replace(plan, pending=(replace(plan.pending[0], target="xnli"),))
    with pytest.raises(LayoverError, match="tiny/lora/none/xnli/1: a value of its method is not chosen yet"):
        write_submission(waiting, Store(tmp_path / "store"), tmp_path / "out")


def test_a_plan_counts_them_and_names_steps_in_one_order(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    turned = replace(plan, nodes=dict(reversed(plan.nodes.items())))
    summary = summarise(Planned(turned, store, turned, {}, {}, plan.recipe))
    assert [row["kind"] for row in summary["kinds"]] == ["tokenize", "train", "predict", "score"]
    assert (summary["cells"], summary["pending"]["cells"]) == (4, WAITING)
    order = ["tokenize", "hidden_states", "import", "train", "compose", "gate", "predict", "score"]
    assert sorted(specs.steps(), key=lambda step: specs.get(step).order) == order


def test_a_plan_foresees_the_work_after_the_last_trial(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is known is finished, and nothing is chosen yet: then there is work left all the same."""
    store = Store(tmp_path / "store")
    for node in plan.nodes.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "meta.json").write_text('{"examples": 2, "tokens": 9}', encoding="utf-8")
    monkeypatch.setattr(artifacts, "timed", lambda store, key: {"seconds": 2.0, "needs": store.done(key)["needs"]})
    summary = summarise(Planned(plan, store, plan, {}, {}, plan.recipe))
    assert summary["to_run"] == 0
    assert summary["seconds_left"] >= 2.0 * 2  # a training and more for each of two cells
    assert summary["pending"]["at_most"]["nodes"] > 0
    assert summary["peak_bytes"] > 0


def test_gc_keeps_what_a_round_is_about(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "chooser_of", lambda _: BestRate())
    store = Store(tmp_path / "store")
    (kept,) = gc._plans([tmp_path / "one" / "recipe.yaml"], store, FileHashes())
    assert {one.key for one in kept.rounds} > {one.key for one in plan.rounds}  # the whole recipe, with intermediates
    for one in kept.rounds:
        Choices(store.root).make(one, RoundResult((one.candidates[0].value,), {}))
    (kept,) = gc._plans([tmp_path / "one" / "recipe.yaml"], store, FileHashes())
    assert not kept.pending
