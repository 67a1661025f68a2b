"""Merged and routed intermediates, through the real command line."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Folder

NEWS = (
    "tasks.news={kind: classification, labels: [no, yes], text: [text], label: label, "
    "files: {train: moods.jsonl, validation: moods.jsonl}}"
)
STILL = (NEWS, "sweep.exclude=[]", "sweep.seed=[1]", "train.select=null", "sweep.method=[one]")
LIST = "sweep.intermediate=[[claims, news]]"


def nodes(folder: Folder, kind: str) -> list[tuple[Path, dict[str, Any]]]:
    """Return the finished nodes of a kind with their identities."""
    found = []
    for path in sorted(folder.root.glob("store/nodes/*/*/done.json")):
        done = json.loads(path.read_text(encoding="utf-8"))
        if done["kind"] == kind:
            found.append((path.parent, done["identity"]))
    return found


def test_gates_are_learned_and_nothing_else(folder: Folder) -> None:
    method = "methods.one={module: lora, lr: 3e-3, rank: 2, compose: {name: route, gates: {steps: 5}, on_top: none}}"
    said = folder.run("run", "recipe.yaml", *STILL, LIST, method)
    assert "1 of 1 cells finished" in said
    gates = nodes(folder, "gate")
    assert len(gates) == 2
    for path, identity in gates:
        learned = load_file(path / "gates.safetensors")
        assert all(value.shape[0] == 1 and float(value.abs().max()) > 0 for value in learned.values())
        training = json.loads((path / "training.json").read_text(encoding="utf-8"))
        assert training["steps"] == 5
        assert training["parameters"] == {"gates": sum(value.numel() for value in learned.values())}
        assert not (path / "head.safetensors").exists()
        assert (identity["steps"], identity["lr"]) == (5, 5e-3)
    ((composed, identity),) = nodes(folder, "compose")
    # the head is that of the first of the list
    owners = {key: path for path, one in nodes(folder, "train") if (key := path.name) in identity["intermediate"]}
    head = owners[identity["head"]]
    assert (composed / "head.safetensors").read_bytes() == (head / "head.safetensors").read_bytes()
    assert "0 of 12 nodes to run" in folder.run("run", "recipe.yaml", *STILL, LIST, method)


def test_gates_stopped_and_gone_on_with_are_the_same(folder: Folder) -> None:
    method = "methods.one={module: lora, lr: 3e-3, rank: 2, compose: {name: route, gates: {steps: 300}, on_top: none}}"
    work = (*STILL, LIST, method, "run.workers=1", "train.epochs=1")
    folder.stop_in_training("run", "recipe.yaml", *work, after=200)  # the trainings before have fewer examples
    assert nodes(folder, "train")
    assert not nodes(folder, "gate")
    folder.run("run", "recipe.yaml", *work)
    resumed = [
        json.loads((path / "measured.json").read_text(encoding="utf-8"))["resumed_at"]
        for path, _ in nodes(folder, "gate")
    ]
    assert sorted(at is None for at in resumed) == [False, True], "one was stopped, the other had not begun"
    folder.run("run", "recipe.yaml", *work, "--store", "whole")
    stopped, whole = (
        {path.parent.name: path.read_bytes() for path in folder.root.glob(f"{store}/nodes/*/*/gates.safetensors")}
        for store in ("store", "whole")
    )
    assert stopped == whole


@pytest.mark.parametrize("compose", ["{name: merge, method: ties}", "route"])
def test_a_target_after_a_list(folder: Folder, compose: str) -> None:
    method = f"methods.one={{module: lora, lr: 3e-3, rank: 2, compose: {compose}}}"
    folder.run("run", "recipe.yaml", *STILL, LIST, method, "train.epochs=1")
    after = [(path, one) for path, one in nodes(folder, "train") if one["intermediate"] is not None]
    ((path, _),) = after
    assert sorted(file.name for file in path.glob("*.safetensors")) == ["head.safetensors", "module.safetensors"]
    assert "moods" in folder.run("report", "recipe.yaml", *STILL, LIST, method, "train.epochs=1")
    (cost,) = csv.DictReader((folder.root / "reports/tiny/costs.csv").read_text(encoding="utf-8").splitlines())
    module = load_file(path / "module.safetensors")
    assert int(cost["weights"]) == sum(value.numel() for value in module.values())
    assert float(cost["seconds_before"]) > float(cost["seconds"]) > 0, (
        "two intermediates, and gates where there are any"
    )
    # an intermediate that is gone is trained again where a prediction needs it, though the target's training is there
    key = next(one["intermediate"][0] for _, one in after)
    for gone in (
        path.parents[1] / key[:2] / key,
        *(path for path, _ in nodes(folder, "predict") + nodes(folder, "score")),
    ):
        shutil.rmtree(gone)
    left = json.loads(folder.run("plan", "recipe.yaml", *STILL, LIST, method, "train.epochs=1", "--json"))
    assert left["by_kind"] == {"train": 1, "predict": 2, "score": 1}
