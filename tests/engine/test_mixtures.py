"""A mixture of the sandbox's tasks through the real command line: learned, stopped, resumed, gone on with, reported."""

from __future__ import annotations

import csv
import json
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

if TYPE_CHECKING:
    from tests.engine.conftest import Folder
pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: mixed
models: {mini: {name: sandbox/mini}}
methods:
  lora: {module: lora, lr: 1e-9, rank: 2, head: continue}
  merge: {module: lora, compose: {name: merge, on_top: none}, lr: 1e-9, rank: 2, head: continue}
train: {batch: 8, epochs: 2, max_length: 48, stride: 16, select: {every: 6}}
mixtures:
  three: {tasks: [sandbox/nli, sandbox/ner, sandbox/text], sampling: uniform, cap: 32}
tasks:
  sandbox/nli: {limit: {train: 48, validation: 12}}
  sandbox/ner: {limit: {train: 24, validation: 12, test: 6}}
  sandbox/text: {limit: {train: 40, validation: 12}}
sweep:
  model: [mini]
  method: [lora, merge]
  intermediate: [three]
  target: [sandbox/ner]
  seed: [1]
eval: {languages: [en, de]}
run: {workers: 1, threads: 1, device: cpu, micro_batch_tokens: 2048}
"""


def of_mixture(folder: Folder) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return training.json, the identity and the folder of the mixture's node."""
    for path in folder.root.glob("store/nodes/*/*/training.json"):
        training = json.loads(path.read_text(encoding="utf-8"))
        if "tasks" in training:
            identity = json.loads((path.parent / "done.json").read_text(encoding="utf-8"))["identity"]
            return training, identity, path.parent
    raise AssertionError("no mixture was trained")


def test_a_mixture_and_what_comes_of_it(folder: Folder) -> None:
    (folder.root / "mixed.yaml").write_text(RECIPE, encoding="utf-8")
    folder.run("run", "mixed.yaml")
    training, identity, node = of_mixture(folder)
    by_name = {one["name"].removeprefix("sandbox/"): one for one in training["tasks"]}
    # 4 + 3 + 4 steps an epoch, in equal shares
    assert training["planned_steps"] == 22
    assert max(one["steps"] for one in by_name.values()) <= 8
    assert sum(one["steps"] for one in by_name.values()) == training["best_step"]
    assert [one["step"] for one in training["history"]] == [6, 12, 18, 22]
    names = {"sandbox/nli/accuracy", "sandbox/ner/seqeval_f1", "sandbox/text/mlm_accuracy", "sandbox/text/mlm_loss"}
    for one in training["history"]:
        metrics = one["metrics"]
        assert set(metrics) == {*names, "mean"}
        main = [metrics[name] for name in names if not name.endswith("mlm_loss")]
        assert metrics["mean"] == pytest.approx(fmean(main))
    assert training["criterion"] == "mean"
    assert training["head_start"][by_name["text"]["head"]] == "pretrained"
    assert training["head_start"][by_name["nli"]["head"]] == "random"
    files = {path.name for path in node.iterdir()}
    assert {"head.0.safetensors", "head.1.safetensors", "head.2.safetensors", "module.safetensors"} <= files
    assert "head.safetensors" not in files
    for head, count in training["parameters"].items():
        file = node / ("module.safetensors" if head == "target" else f"{head}.safetensors")
        assert sum(value.numel() for value in load_file(file).values()) == count
    # both targets go on with the mixture's own head for names; the learning rate is next to nothing
    mine = load_file(node / f"{by_name['ner']['head']}.safetensors")
    found = [load_file(path) for path in folder.root.glob("store/nodes/*/*/head.safetensors")]
    assert len(found) == 2, "warm, and merged without a training"
    for head in found:
        for name, value in mine.items():
            torch.testing.assert_close(head[name], value, atol=1e-6, rtol=0)
    folder.run("report", "mixed.yaml", "--out", "out")
    report = (folder.root / "out" / "report.md").read_text(encoding="utf-8")
    assert "| three | mini | lora, merge | sandbox/nli |" in report
    with (folder.root / "out" / "mixtures.csv").open(encoding="utf-8", newline="") as stream:
        curves = list(csv.DictReader(stream))
    assert len(curves) == 4 * 5
    last = {(one["task"], one["metric"]): float(one["value"]) for one in curves if one["step"] == "22"}
    assert last == {
        tuple(name.rsplit("/", 1)) if "/" in name else ("", name): value
        for name, value in training["history"][-1]["metrics"].items()
    }
    assert [one["head"] for one in identity["tasks"]] == [0, 1, 2]


def test_a_stopped_mixture_goes_on_to_equal_bits(folder: Folder) -> None:
    (folder.root / "mixed.yaml").write_text(RECIPE, encoding="utf-8")
    work = (
        "run",
        "mixed.yaml",
        "methods.lora={module: lora, lr: 3e-3, rank: 2}",
        "sweep.method=[lora]",
        "mixtures.three.epochs=12",
    )
    folder.stop_in_training(*work, after=200)
    assert list(folder.root.glob("store/work/*/step-*")), folder.said
    folder.run(*work)
    node = of_mixture(folder)[2]
    assert json.loads((node / "measured.json").read_text(encoding="utf-8"))["resumed_at"]
    folder.run(*work, "--store", "other")
    resumed, straight = (
        {
            f"{path.parent.name}/{path.name}": path.read_bytes()
            for name in ("*.safetensors", "training.json", "record.json")
            for path in folder.root.glob(f"{store}/nodes/*/*/{name}")
        }
        for store in ("store", "other")
    )
    assert resumed == straight


def test_the_gates_of_a_mixture_are_trained_on_all_of_its_tasks(folder: Folder) -> None:
    (folder.root / "mixed.yaml").write_text(RECIPE, encoding="utf-8")
    route = "methods.lora={module: lora, rank: 2, compose: {name: route, on_top: none, gates: {steps: 7}}}"
    several = "sweep.intermediate=[[three, sandbox/ner]]"
    folder.run("run", "mixed.yaml", route, "sweep.method=[lora]", several)
    mixture = sum(one["rows"] for one in of_mixture(folder)[0]["tasks"])
    found = {}
    for gates in folder.root.glob("store/nodes/*/*/gates.safetensors"):
        training = json.loads((gates.parent / "training.json").read_text(encoding="utf-8"))
        assert training["steps"] == 7
        found[training["rows"]] = gates
    assert len(found) == 2
    gates = found[mixture]
    assert any(bool(value.any()) for value in load_file(gates).values()), "gates begin at zero"
    assert len(folder.records()) == 1
