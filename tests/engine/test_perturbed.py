"""Perturbed test sets through the real command line: texts, scores, records and the report of a small sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from layover.cli.main import build_app
from layover.cli.shared import planned
from layover.plan.nodes import of, spec_at
from layover.records import read_record
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.steps.artifacts import RECORD, load_examples, load_meta, load_rows
from layover.steps.items import ItemNames

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: perturbed
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, lr: 3e-3, rank: 4, alpha: 8}
train: {batch: 16, epochs: 1, max_length: 64, stride: 4, select: null}
tasks:
  sandbox/completion: {limit: {train: 16}}
  sandbox/nli:     {limit: {train: 48, test: 24}}
  sandbox/ner:     {limit: {train: 48, test: 24}}
  sandbox/qa_open: {limit: {train: 48, validation: 12, test: 24}, eval: {perturb: [words-20, punctuation-20]}}
  sandbox/copa:    {limit: {train: 16, test: 24}, eval: {perturb: []}}
sweep:
  model: [mini]
  method: [lora]
  intermediate: [none, sandbox/completion]
  target: [sandbox/nli, sandbox/ner, sandbox/qa_open, sandbox/copa]
  seed: [1]
eval: {split: test, languages: [en, zh], perturb: [typos-20, words-20], attack: [fgsm-0.5]}
run: {workers: 1, threads: 1, device: cpu}
"""


def layover(*arguments: str | Path) -> str:
    result = CliRunner().invoke(build_app(), [str(each) for each in arguments])
    assert result.exit_code == 0, (result.exception, result.output)
    return result.output


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished sweep, run in two halves, and its report."""
    root = tmp_path_factory.mktemp("perturbed")
    (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    store = ("--store", root / "store")
    clean = ["eval.perturb=[]", "eval.attack=[]", "tasks.sandbox/qa_open.eval.perturb=[]"]
    layover("run", root / "recipe.yaml", *clean, *store)
    layover("report", root / "recipe.yaml", *clean, *store, "--out", root / "clean")
    layover("run", root / "recipe.yaml", *store)
    layover("report", root / "recipe.yaml", *store, "--out", root / "report")
    return root


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_texts_change_and_gold_stays(ran: Path) -> None:
    prepared = planned(ran / "recipe.yaml", [], ran / "store")
    plan, store = prepared.plan, prepared.store
    clean = {
        (node.spec.task.name, node.spec.location.language, node.spec.location.split): node
        for node in of(plan.nodes, TokenizeSpec)
        if node.spec.perturbed is None
    }
    perturbed = [node for node in of(plan.nodes, TokenizeSpec) if node.spec.perturbed is not None]
    assert len(perturbed) == 3 * 2 * 2
    for node in perturbed:
        task, kind = node.spec.task, node.spec.task.of_kind
        before = clean[task.name, node.spec.location.language, "test"]
        pairs = [load_examples(store, key, task.kind) for key in (before.key, node.key)]
        assert len(pairs[0]) == len(pairs[1]) == 24
        assert pairs[0] != pairs[1]
        if not kind.tags:
            assert [kind.gold(each) for each in pairs[0]] == [kind.gold(each) for each in pairs[1]]
        rows = [load_rows(store, key) for key in (before.key, node.key)]
        names = [ItemNames({"x": row}).of("x", kind, each) for row, each in zip(rows, pairs, strict=True)]
        assert names[0] == names[1], "the items are those of the unchanged texts"
        meta = load_meta(store, node.key)["perturbed"]
        assert 0.1 < meta["changed"] / meta["words"] < 0.3


def test_records_are_entries_of_their_own(ran: Path) -> None:
    every, before = lines(ran / "report" / "records.jsonl"), lines(ran / "clean" / "records.jsonl")
    assert len(every) == len(before) == 8
    moved: list[bool] = []
    for line, earlier in zip(every, before, strict=True):
        own = line.pop("perturbed", {})
        assert line == earlier, "a clean score does not know of perturbations"
        assert "perturbed" not in earlier
        expected = {"sandbox/copa": set(), "sandbox/qa_open": {"words-20", "punctuation-20"}}
        assert own.keys() == expected.get(line["target"], {"typos-20", "words-20"}) | {"fgsm-0.5"}
        for label, entry in own.items():
            if label == "fgsm-0.5":
                assert entry["record"]["perturbed"] is None, "no word changes"
                moved.append(entry["record"]["languages"] != line["record"]["languages"])
            else:
                assert entry["record"]["perturbed"]["perturbation"] == label
                assert entry["record"]["perturbed"]["words"].keys() == {"en", "zh"}
            assert entry["key"] != line["key"]
            assert (entry["none_value"] is None) == (line["intermediate"] == "none")
        assert line["record"]["perturbed"] is None
    assert len(moved) == 8
    assert any(moved), "an attack changes scores"


def test_only_the_section_shows_them(ran: Path) -> None:
    for name in ("scores.csv", "gains.csv", "language_gains.csv", "lengths.csv"):
        assert (ran / "report" / name).read_bytes() == (ran / "clean" / name).read_bytes()
    assert not (ran / "clean" / "robustness.csv").exists()
    table = (ran / "report" / "robustness.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + 3 * 2 * 3 + 2
    text = (ran / "report" / "report.md").read_text(encoding="utf-8")
    assert "<summary>Robustness</summary>" in text
    assert "Robustness" in (ran / "report" / "report.html").read_text(encoding="utf-8")
    assert "Robustness" not in (ran / "clean" / "report.md").read_text(encoding="utf-8")


def test_a_threshold_of_the_clean_texts_applies(ran: Path) -> None:
    prepared = planned(ran / "recipe.yaml", [], ran / "store")
    cells = [cell for cell in prepared.plan.cells if cell.target == "sandbox/qa_open"]
    assert len(cells) == 2
    for cell in cells:
        clean = read_record(prepared.store.path(cell.score) / RECORD)
        assert clean.no_answer is not None
        for _, key in cell.perturbed:
            assert read_record(prepared.store.path(key) / RECORD).no_answer == clean.no_answer
            assert spec_at(prepared.plan.nodes, key, ScoreSpec).name == "sandbox/qa_open"


def test_running_again_finds_all(ran: Path) -> None:
    assert "121 of 121 nodes finished" in layover("status", ran / "recipe.yaml", "--store", ran / "store")
    planned_again = planned(ran / "recipe.yaml", [], ran / "store")
    finished = {key for key in planned_again.plan.nodes if planned_again.store.has(key)}
    assert planned_again.plan.wanted(finished) == []
