"""Objectives through the real command line: each trains another module, and the plain ones are shared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from layover.cli.main import build_app
from layover.cli.shared import planned
from layover.plan.nodes import of
from layover.specs.train import TrainSpec
from layover.steps.artifacts import TRAINING

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: objectives
models: {mini: {name: sandbox/mini}}
data_root: DATA
methods:
  lora: &lora {module: lora, lr: 3e-3, rank: 4, alpha: 8}
  fgm: {<<: *lora, objective: {target: {name: fgm, radius: 0.5, relative: true}}}
  late: {<<: *lora, objective: {target: {name: fgsm, radius: 0.5, relative: true, warmup_epochs: 1.0}}}
  cuts: {<<: *lora, objective: {target: {name: consistency, share: 0.9, weight: 5.0}}}
  words: {<<: *lora, objective: {target: {name: consistency, view: dictionary, dictionary: en-xx.txt, share: 1.0}}}
  frozen: {module: lora, lr: 3e-3, rank: 4, layers: [3], objective: {target: {name: fgm, at: frozen, radius: 5.0}}}
train: {batch: 16, epochs: 3, max_length: 64, select: null}
tasks:
  sandbox/nli: {limit: {train: 48, test: 8}}
sweep:
  model: [mini]
  method: [lora, fgm, late, cuts, words, frozen]
  target: [sandbox/nli]
  seed: [1]
eval: {languages: [en]}
run: {workers: 1, threads: 1, device: cpu}
"""


def layover(*arguments: str | Path) -> str:
    result = CliRunner().invoke(build_app(), [str(each) for each in arguments])
    assert result.exit_code == 0, (result.exception, result.output)
    return result.output


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """The training loss of each method, a value per epoch."""
    root = tmp_path_factory.mktemp("objectives")
    (root / "r.yaml").write_text(RECIPE.replace("DATA", str(root)), encoding="utf-8")
    words = ["the", "a", "in", "on", "is", "are", "not", "and", "of", "to", "has", "was"]
    (root / "en-xx.txt").write_text("".join(f"{word} xx{word}\n" for word in words), encoding="utf-8")
    layover("run", root / "r.yaml", "--store", root / "store")
    prepared = planned(root / "r.yaml", [], root / "store")
    curves = {}
    for cell in prepared.plan.cells:
        assert cell.train is not None
        record: dict[str, Any] = json.loads((prepared.store.path(cell.train) / TRAINING).read_text(encoding="utf-8"))
        curves[cell.method] = [point["loss"] for point in record["history"]]
    assert len({node.key for node in of(prepared.plan.nodes, TrainSpec)}) == 6
    return curves


def test_every_objective_trains_something_else(losses: dict[str, list[float]]) -> None:
    assert len({tuple(curve) for curve in losses.values()}) == len(losses)
    assert losses["fgm"][0] == pytest.approx(2 * losses["lora"][0], rel=0.3), "two losses in each step"


def test_plain_epochs_of_fgsm_are_those_of_the_plain_loss(losses: dict[str, list[float]]) -> None:
    assert losses["late"][0] == losses["lora"][0]
    assert losses["late"][1] != losses["lora"][1]
