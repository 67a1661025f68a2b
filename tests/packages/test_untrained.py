"""Whether a module was trained: a fresh one of each kind was not, and one changed number is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from layover import layouts, modules
from layover.layouts import Base, StoredModule, WrittenNames
from layover.modules import EMBEDDINGS, Module
from layover.packages.untrained import untrained, untrained_file
from layover.shape import Shape

SHAPE = Shape(layers=3, hidden=8, intermediate=16, vocabulary=100)
BASE = Base("xlm-roberta", SHAPE)
SETTINGS: dict[str, dict[str, Any]] = {"bottleneck": {"reduction": 4}, "lora": {"rank": 2}, "dora": {"rank": 2}}
ADDING = [name for name in modules.names() if modules.get(name).neutral]


def fresh(module: Module) -> dict[str, torch.Tensor]:
    """Return the weights of a module before its first step, by canonical name."""
    found, generator = {}, torch.Generator().manual_seed(1)
    for site in module.sites(SHAPE):
        frozen = torch.nn.Linear(site.inputs, site.outputs)
        found |= {f"{site.name}.{name}": value for name, value in module.initialise(site, frozen, generator).items()}
    return found


def stored(module: Module, weights: dict[str, torch.Tensor], file: Path) -> StoredModule:
    save_file(weights, file)
    return StoredModule(
        module, {name: name for name in weights}, {name: tuple(one.shape) for name, one in weights.items()}, file
    )


def test_every_module_that_adds_to_the_encoder_says_what_is_neutral() -> None:
    kinds = {name for name in modules.names() if modules.get(name).trains_encoder and not modules.get(name).whole}
    assert kinds == set(ADDING)


@pytest.mark.parametrize("name", ADDING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_fresh_module_is_untrained_and_one_number_shows(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    module = modules.get(name)(**SETTINGS.get(name, {}))
    weights = {key: value.to(dtype) for key, value in fresh(module).items()}
    places = len(module.sites(SHAPE))
    found = untrained(stored(module, weights, tmp_path / "fresh.safetensors"))
    assert found.wholly
    assert found.places == places
    ending = "only its magnitude can change the outputs" if name == "dora" else "it does not change the outputs"
    assert found.message().endswith(f"at all {places} sites, as before the first step of training: {ending}")
    first = next(key for key in weights if key.rpartition(".")[2] in module.neutral)
    weights[first].view(-1)[-1] += 1.0
    changed = untrained(stored(module, weights, tmp_path / "changed.safetensors"))
    assert not changed.wholly
    assert len(changed.untouched) == places - 1
    assert changed.message().endswith(f"at {places - 1} of {places} sites")


def test_what_is_zero_from_below_is_zero(tmp_path: Path) -> None:
    module = modules.get("lora")(rank=2)
    weights = {key: value * -1 if key.endswith(".B") else value for key, value in fresh(module).items()}
    assert untrained(stored(module, weights, tmp_path / "x.safetensors")).wholly


def test_an_invertible_bottleneck_has_a_neutral_place_at_the_embeddings(tmp_path: Path) -> None:
    module = modules.get("bottleneck")(invertible=True, reduction=4)
    weights = fresh(module)
    assert untrained(stored(module, weights, tmp_path / "a.safetensors")).wholly
    weights[f"layers.0.{EMBEDDINGS}.g_up"][0, 0] = 1.0
    found = untrained(stored(module, weights, tmp_path / "b.safetensors"))
    assert (found.wholly, len(found.untouched)) == (False, found.places - 1)


def test_all_of_a_trained_module_says_nothing(tmp_path: Path) -> None:
    module = modules.get("lora")(rank=2)
    weights = {key: value + 1.0 for key, value in fresh(module).items()}
    found = untrained(stored(module, weights, tmp_path / "x.safetensors"))
    assert (found.untouched, found.message()) == ((), "")


@pytest.mark.parametrize(
    ("layout", "name"),
    [("peft", "lora"), ("peft", "dora"), ("peft", "ia3"), ("adapterhub", "bottleneck"), ("adapterhub", "lora")],
)
def test_a_folder_of_another_library_tells_it_without_an_encoder(layout: str, name: str, tmp_path: Path) -> None:
    module, how = modules.get(name)(**SETTINGS.get(name, {})), layouts.get(layout)
    save_file(how.laid_out(module, BASE, "mine", fresh(module)), tmp_path / how.file)
    config = how.config(module, BASE, WrittenNames("mine", None, None))
    (tmp_path / layouts.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    found = untrained_file(tmp_path)
    assert found.wholly
    assert found.places == len(module.sites(SHAPE))
    assert bool(found.otherwise) == (name == "dora")
    weights = load_file(tmp_path / how.file)
    first = next(key for key in sorted(weights) if any(key.endswith(f".{end}") for end in how.neutral))
    weights[first].view(-1)[0] += 1.0
    save_file(weights, tmp_path / how.file)
    assert len(untrained_file(tmp_path).untouched) == found.places - 1
