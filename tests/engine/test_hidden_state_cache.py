"""The hidden-state cache, through the real command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

TOP = ("methods.lora.layers=top-1", "methods.stack.layers=top-1", "methods.head={module: none}",
       "sweep.method=[lora, stack, head]", "sweep.seed=[1]",
       "sweep.exclude=[{method: stack, intermediate: none}]")  # fmt: skip


def losses(folder: Folder) -> dict[str, list[float]]:
    files = folder.root.glob("store/nodes/*/*/training.json")
    return {file.parent.name: json.loads(file.read_text())["loss_curve"]["losses"] for file in files}


def kinds_there(folder: Folder) -> list[str]:
    return [json.loads(file.read_text())["kind"] for file in folder.root.glob("store/nodes/*/*/done.json")]


@pytest.mark.slow
def test_kept_states_change_no_key_and_no_score(folder: Folder) -> None:
    folder.run("run", "recipe.yaml", *TOP, "run.hidden_state_cache=0")
    plain, scores = losses(folder), folder.records()
    assert "hidden_states" not in kinds_there(folder)
    said = json.loads(folder.run("plan", "recipe.yaml", *TOP, "--json"))
    assert said["to_run"] == 0
    (folder.root / "store").rename(folder.root / "before")
    text = folder.run("run", "recipe.yaml", *TOP)
    assert "hidden-state cache:" in text
    found = losses(folder)
    assert found.keys() == plain.keys()
    for key, curve in plain.items():
        assert found[key] == pytest.approx(curve, abs=1e-4)
    assert folder.records().keys() == scores.keys()
    assert kinds_there(folder).count("hidden_states") >= 2
    assert folder.run("run", "recipe.yaml", *TOP).startswith("0 of ")
    folder.root.joinpath("top.yaml").write_text(with_settings(folder), encoding="utf-8")
    folder.run("gc", "top.yaml", "--yes")
    assert "hidden_states" not in kinds_there(folder)
    assert folder.records().keys() == scores.keys()


def with_settings(folder: Folder) -> str:
    """Return the recipe with the settings written into it, for verbs that take no overrides."""
    text = (folder.root / "recipe.yaml").read_text(encoding="utf-8")
    text = text.replace("rank: 2}", "rank: 2, layers: top-1}").replace("seed: [1, 2]", "seed: [1]")
    return text.replace("method: [lora, stack]", "method: [lora, stack, head]").replace(
        "train: {", "  head: {module: none}\ntrain: {"
    )
