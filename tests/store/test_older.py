"""A store that Layover 0.1.0 made: its nodes are told as old and not as damaged, and `gc` removes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.store.faults import layover

from layover.store import Store

OLDER = Path(__file__).parent / "fixtures" / "store-0.1.0"
RECIPE = """\
schema: 1
name: old
models: {mini: {name: sandbox/mini}}
methods:
  stack: {module: lora, compose: stack, lr: 3e-3, rank: 2, alpha: 4}
train: {batch: 16, epochs: 1, max_length: 32, stride: 4, select: null}
tasks:
  sandbox/nli: {limit: {train: 32}}
  sandbox/paraphrase: {limit: {train: 32, test: 8}}
sweep: {model: [mini], method: [stack], intermediate: [sandbox/nli], target: [sandbox/paraphrase], seed: [1]}
eval: {split: test, languages: [en, sw]}
run: {workers: 1, threads: 1, device: cpu}
"""
"""The one that it was made by."""
NODES = 9


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    shutil.copytree(OLDER, tmp_path / "store")
    return tmp_path / "store"


def test_it_is_whole_and_of_no_use(store: Path) -> None:
    looks = Store(store).survey()
    assert len(looks) == NODES
    assert [look.damage for look in looks.values()] == [None] * NODES
    assert {look.sealed for look in looks.values()} == {False}


@pytest.mark.parametrize("verb", ["status", "plan", "report"])
def test_verbs_say_so_in_a_line(store: Path, verb: str) -> None:
    recipe = str(store.parent / "recipe.yaml")
    more = ("--out", str(store.parent / "out")) if verb == "report" else ()
    code, said = layover(verb, recipe, "--store", str(store), *more)
    assert code == 0, said
    (line,) = [line for line in said.splitlines() if line.startswith("layover: ")]
    assert line.startswith("layover: 9 nodes (")
    assert "were made by an older version of Layover; their results are not used; `layover gc RECIPE... --yes`" in line
    assert "damaged" not in said


def test_run_computes_anew_and_gc_removes_the_old(store: Path) -> None:
    recipe = str(store.parent / "recipe.yaml")
    code, said = layover("run", recipe, "--store", str(store))
    assert code == 0, said
    assert "9 of 9 nodes to run" in said
    assert "9 nodes (" in said
    status = json.loads(layover("status", recipe, "--store", str(store), "--json")[1].splitlines()[-1])
    assert status["damaged"] == {}
    assert (status["older"]["nodes"], status["older"]["bytes"] > 100_000) == (NODES, True)
    code, said = layover("gc", recipe, "--store", str(store))
    assert (code, said.splitlines()[-1]) == (0, "9 of them were made by an older version of Layover")
    answer = json.loads(layover("gc", recipe, "--store", str(store), "--yes", "--json")[1])
    assert len(answer["older"]) == len(answer["nodes"]) == NODES
    code, said = layover("run", recipe, "--store", str(store))
    assert "0 of 9 nodes to run" in said
    assert "older version" not in said
