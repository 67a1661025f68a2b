"""The import of a module: what is written, and what is refused because it is not what the plan was made for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from layover import steps
from layover.errors import ModelError
from layover.execution import Execution
from layover.plan import Node, build
from layover.plan.hub import Revisions
from layover.plan.nodes import of
from layover.recipe import load
from layover.specs.import_ import ImportSpec
from layover.store import FileHashes, Store

RECIPE = """\
schema: 1
name: test
models: {mini: {name: sandbox/mini}}
modules: {mine: {path: lora}}
methods: {stack: {module: lora, compose: stack}}
train: {select: null}
sweep: {model: [mini], method: [stack], intermediate: [mine], target: [sandbox/nli]}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def root(tmp_path: Path, foreign: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    shutil.copytree(foreign / "headed", tmp_path / "lora")
    return tmp_path


def planned(root: Path, *overrides: str) -> Node[ImportSpec]:
    plan = build(load(root / "recipe.yaml", overrides), FileHashes(), Revisions())
    (node,) = of(plan.nodes, ImportSpec)
    return node


def ran(node: Node[ImportSpec], root: Path) -> Path:
    store = Store(root / "store")
    context = steps.Context(store, Execution(), lambda _: None, lambda: False)
    with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
        steps.get(node.kind).run(node, folder, context)
    return store.path(node.key)


def test_the_weights_stand_there_under_canonical_names(root: Path) -> None:
    place = ran(planned(root), root)
    assert sorted(file.name for file in place.iterdir()) == ["done.json", "module.safetensors"], "no head is taken over"
    theirs, ours = load_file(root / "lora" / "adapter_model.safetensors"), load_file(place / "module.safetensors")
    assert len(ours) == 4 * 2 * 2
    for name, value in ours.items():
        _, layer, place_in, matrix = name.split(".")
        path = f"base_model.model.roberta.encoder.layer.{layer}.attention.self.{place_in}.lora_{matrix}.weight"
        assert torch.equal(value, theirs[path])


def spoil_weights(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({name: value * 2 for name, value in weights.items()}, folder / "adapter_model.safetensors")


def spoil_settings(folder: Path) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), "lora_alpha": 64}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (spoil_weights, r"adapter_model\.safetensors: has changed since the plan was made; run again"),
        (spoil_settings, r"lora: its settings have changed since the plan was made; run again"),
    ],
)
def test_what_was_changed_after_the_plan_is_not_imported(
    root: Path, spoil: Callable[[Path], None], expected: str
) -> None:
    node = planned(root)
    spoil(root / "lora")
    with pytest.raises(ModelError, match=expected):
        ran(node, root)
    assert Store(root / "store").finished() == set()
    ran(planned(root), root)


def test_a_module_of_the_hub_is_read_from_its_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    snapshot = root / "hub" / "models--org--adapter" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for file in (root / "lora").iterdir():
        (snapshot / file.name).symlink_to(file)
    node = planned(root, f"modules.mine={{hub: org/adapter, revision: {COMMIT}}}")
    assert node.key == planned(root).key
    place = ran(node, root)
    assert (place / "module.safetensors").is_file()
    (snapshot / "adapter_model.safetensors").unlink()
    with pytest.raises(
        ModelError, match=r"org/adapter@0123456789ab: adapter_model\.safetensors is not in the local cache"
    ):
        ran(node, root)
