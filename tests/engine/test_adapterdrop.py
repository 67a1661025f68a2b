"""AdapterDrop through the real command line: one training, and predictions with and without the lowest layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

pytestmark = pytest.mark.slow

RECIPE = """\
schema: 1
name: dropping
models: {tiny: {name: encoder}}
data_root: data
methods:
  lora: {module: lora, lr: 3e-2, rank: 2, adapterdrop: {train: 1, predict: 0}}
  shallow: {module: lora, lr: 3e-2, rank: 2, adapterdrop: {train: 1}}
  dora: {module: dora, lr: 3e-2, rank: 2, adapterdrop: {train: 1, random: true}}
  cut: {module: dora, lr: 3e-2, rank: 2, adapterdrop: {train: 1, random: true, predict: 1}}
train: {batch: 8, epochs: 1, max_length: 24, stride: 4, select: null}
tasks:
  texts: {kind: mlm, text: [text], files: {train: moods.jsonl, test: {en: moods.jsonl}}}
sweep: {model: [tiny], method: [lora, shallow, dora, cut], intermediate: [none], target: [texts], seed: [1]}
run: {workers: 2, threads: 1, device: cpu}
"""


def test_one_training_serves_predictions_with_and_without_the_lowest_layer(folder: Folder) -> None:
    (folder.root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    folder.run("run", "recipe.yaml")
    trained = {}
    for path in found(folder, "training"):
        counts = json.loads(path.read_text(encoding="utf-8"))["parameters"]
        trained[counts["target"]] = path.parent
    # LoRA of query and value in the upper layer only; DoRA, with its magnitudes, in both
    lora, dora = (trained[count] for count in (2 * 2 * (32 + 32), 2 * 2 * (2 * (32 + 32) + 32)))
    assert len(trained) == 2
    weights = load_file(lora / "module.safetensors")
    moved = {name: bool(value.any()) for name, value in weights.items() if name.endswith(".B")}
    assert moved == {f"layers.{layer}.{place}.B": layer == 1 for layer in (0, 1) for place in ("query", "value")}
    # what was never trained adds nothing
    assert predictions(folder, lora, skipped=0) == predictions(folder, lora, skipped=1)
    assert predictions(folder, dora, skipped=0) != predictions(folder, dora, skipped=1)


def found(folder: Folder, name: str) -> list[Path]:
    return sorted(folder.root.glob(f"store/nodes/*/*/{name}.json"))


def predictions(folder: Folder, train: Path, *, skipped: int) -> str:
    """Return what was predicted after a training."""
    texts = []
    for path in found(folder, "done"):
        identity = json.loads(path.read_text(encoding="utf-8"))["identity"]
        if identity["node"] == "predict" and (identity["train"], identity.get("skipped", 0)) == (train.name, skipped):
            texts.append((path.parent / "predictions.jsonl").read_text(encoding="utf-8"))
    (text,) = texts
    return text
