"""Packages over the sandbox's encoder whose data are a user's own, with names as users choose them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.command import layover_process as layover
from tests.shared_folder import made_once

from layover.packages.card import Card, read_card

SHIPPED = Path(__file__).resolve().parents[3] / "adapters_hub_export"
STACK = "mini-stack-sandbox-nli-sandbox-paraphrase-s1"
TASK = 'my "task": *a/b* | <c>'
RECIPE = """\
schema: 1
name: own
models: {mini: {name: sandbox/mini}}
data_root: data
methods:
  bf:   {module: lora, compose: stack, lr: 3e-3, rank: 2, alpha: 4, precision: bf16}
  bn:   {module: bottleneck, compose: stack, lr: 3e-3, reduction: 16, precision: bf16}
  warm: {module: lora, compose: warm, lr: 3e-3, rank: 2, alpha: 4}
MODULES
train: {batch: 8, epochs: 1, warmup: 2, max_length: 32, stride: 8, select: null}
tasks:
  sandbox/nli:        {limit: {train: 16}}
  sandbox/paraphrase: {limit: {train: 16, validation: 8, test: 4}, select: {split: validation, every: 1}}
  'my "task": *a/b* | <c>':
    {kind: classification, labels: [bad, good], meanings: {bad: 'a door, *closed*'}, text: [text], train_language: en,
     files: {train: train.jsonl, test: {eng_Latn: test.jsonl, de-en: test.jsonl, dialect_one: test.jsonl}}}
sweep:
  model: [mini]
  method: METHODS
  intermediate: INTERMEDIATES
  target: TARGETS
  seed: [1]
run: {workers: 1, threads: 1, device: cpu}
"""


def write_recipe(root: Path, name: str, modules: str, **axes: list[str]) -> None:
    """Write a recipe with these axes of its sweep."""
    text = RECIPE.replace("MODULES", modules)
    for axis, values in axes.items():
        text = text.replace(axis.upper(), json.dumps(values))
    (root / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of two sweeps: the second one imports a package of the first, and a module of peft."""
    with made_once(tmp_path_factory, "own-sweeps") as (root, needed):
        if needed:
            _fill(root)
    return root / "packages"


def _fill(root: Path) -> None:
    """Run the two sweeps."""
    (root / "data").mkdir()
    for split, count in (("train", 16), ("test", 6)):
        rows = [
            {"text": f"the {'coat' if n % 2 else 'door'} {n}", "label": ("bad", "good")[n % 2]} for n in range(count)
        ]
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (root / "data" / f"{split}.jsonl").write_text(text, encoding="utf-8")
    write_recipe(root, "one.yaml", "", methods=["bf", "bn"], intermediates=["none", "sandbox/nli"], targets=[TASK])
    layover("run", "one.yaml", cwd=root)
    cells = [f"mini/{cell}/{TASK}/1" for cell in ("bf/none", "bn/sandbox/nli")]
    layover("export", "one.yaml", *cells, "--to", "packages", cwd=root)
    (root / "theirs").mkdir()
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(named(root / "packages", "mini-bf-my") / file, root / "theirs")
    modules = (
        f"modules: {{mine: {{path: packages/{named(root / 'packages', 'mini-bf-my').name}}}, theirs: {{path: theirs}}}}"
    )
    targets = ["sandbox/paraphrase"]
    write_recipe(root, "two.yaml", modules, methods=["warm"], intermediates=["mine", "theirs"], targets=targets)
    layover("run", "two.yaml", cwd=root)
    cells = [f"mini/warm/{module}/sandbox/paraphrase/1" for module in ("mine", "theirs")]
    layover("export", "two.yaml", *cells, "--to", "packages", cwd=root)


def named(packages: Path, begin: str) -> Path:
    """Return the folder of the one package whose name begins so."""
    (found,) = packages.glob(f"{begin}*")
    return found


@pytest.fixture(scope="session")
def shipped() -> Card:
    """A card of version 0.1, wholly of the sandbox: without the fields that came later."""
    card = read_card(SHIPPED / STACK)
    assert card.task is not None
    return card.model_copy(
        update={
            "task": card.task.model_copy(update={"meanings": None}),
            "data": tuple(part.model_copy(update={"sandbox": None, "citation": None}) for part in card.data),
            "trainings": tuple(part.model_copy(update={"curve": None, "kept_step": None}) for part in card.trainings),
        }
    )
