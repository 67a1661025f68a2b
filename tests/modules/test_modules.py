from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from layover import compositions, modules
from layover.compositions import AttachedModule
from layover.errors import ModelError
from layover.modules import INNER, LINEARS, SUBLAYERS, AdapterDrop
from layover.shape import Shape

SHAPE = Shape(layers=12, hidden=768, intermediate=3072, vocabulary=250_002)


@pytest.mark.parametrize("name", modules.names())
def test_contract(name: str) -> None:
    module_class = modules.get(name)
    module = module_class()
    assert module_class.name == name
    assert module.default_lr > 0
    assert 0 <= module.default_dropout < 1
    assert hash(module) == hash(module_class())
    assert module_class.model_validate(module.model_dump(mode="json")) == module
    layers = module.layers_of(12)
    assert list(layers) == sorted(set(layers))
    sites = module.sites(SHAPE)
    assert len({site.name for site in sites}) == len(sites)
    assert {site.place for site in sites} <= {*LINEARS, INNER, *SUBLAYERS}
    if sites:
        assert {site.layer for site in sites} == set(layers)
    with pytest.raises(ValidationError, match="Extra inputs"):
        module_class.model_validate({"no_such_setting": 1})


@pytest.mark.parametrize("name", modules.names())
@pytest.mark.parametrize("composition", compositions.names())
def test_every_composition_takes_a_target_alone(name: str, composition: str) -> None:
    module = modules.get(name)()
    (part,) = compositions.get(composition)().attachments(module, [], shape=SHAPE, seed=1)
    assert part == AttachedModule("target", module, None, trainable=True) or (part.module, part.trainable) == (
        module,
        True,
    )


def test_parameter_counts_of_xlm_r_base() -> None:
    def count(name: str, **settings: object) -> int:
        return modules.get(name)(**settings).parameter_count(SHAPE)

    assert count("lora") == 294_912
    assert count("lora", target=list(LINEARS)) == 1_327_104
    assert count("bottleneck") == 894_528
    assert count("bottleneck", placement="houlsby") == 1_789_056
    assert count("lora", patterns=[{"layers": [0], "rank": 0}, {"target": ["output"], "layers": [11], "rank": 2}]) == (
        294_912 * 11 // 12 + 2 * (3072 + 768)
    )
    assert count("dora") == 294_912 + 12 * 2 * 768
    assert count("ia3") == 12 * (768 + 768 + 3072)
    assert count("none") == 0
    embeddings = 768 * (250_002 + 514 + 1 + 2)
    assert modules.get("full")().parameter_count(SHAPE, embeddings=embeddings) == 277_453_056


def test_layers() -> None:
    lora = modules.get("lora")
    assert lora(layers="top-4").layers_of(12) == (8, 9, 10, 11)
    assert lora(layers=[11, 3]).layers_of(12) == (3, 11)
    with pytest.raises(ModelError, match=r"lora: layer 12 does not exist: the encoder has 12 layers, numbered 0 to 11"):
        lora(layers=[12]).layers_of(12)
    with pytest.raises(ModelError, match="top-13, but the encoder has 12"):
        lora(layers="top-13").layers_of(12)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lora", {"rank": 0}, "greater than or equal to 1"),
        ("lora", {"rank": True}, "valid integer"),
        ("lora", {"alpha": 0}, "greater than or equal to"),
        ("lora", {"alpha": float("inf")}, "finite"),
        ("lora", {"target": ["qeury"]}, "did you mean 'query'"),
        ("lora", {"target": []}, "at least one of: query"),
        ("lora", {"layers": "last"}, "'last' does not name layers"),
        ("lora", {"layers": "top-0"}, "does not name layers"),
        ("lora", {"layers": [1, 1]}, "each number only once"),
        ("lora", {"layers": [-1]}, "greater than or equal to 0"),
        ("lora", {"layers": []}, "at least one"),
        ("lora", {"rslora": 1}, "valid boolean"),
        ("lora", {"patterns": [{}]}, "the rule is empty"),
        ("lora", {"patterns": [{"target": ["keys"]}]}, "did you mean 'key'"),
        ("lora", {"patterns": [{"layers": "bottom-2"}]}, "does not name layers"),
        ("lora", {"patterns": [{"rank": 0, "alpha": 2}]}, "alpha has no meaning"),
        ("dora", {"rank": 0}, "greater than or equal to 1"),
        ("ia3", {"target": ["ffn"]}, "unknown target 'ffn'"),
        ("ia3", {"target": []}, "at least one of: query"),
        ("bottleneck", {"placement": "serial"}, "pfeiffer"),
        ("bottleneck", {"reduction": 0}, "greater than or equal to"),
        ("bottleneck", {"activation": "sin"}, "relu"),
    ],
)
def test_wrong_settings(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        modules.get(name).model_validate(settings)


@pytest.mark.parametrize(
    ("name", "dump"),
    [
        ("lora", {"layers": "all", "rank": 8, "alpha": 16.0, "target": ["query", "value"]}),
        ("bottleneck", {"layers": "all", "placement": "pfeiffer", "reduction": 16, "activation": "relu"}),
        ("full", {}),
        ("none", {}),
    ],
)
def test_identities_of_the_first_modules_stay(name: str, dump: dict[str, object]) -> None:
    """Whatever a module learns to do later, its old results keep their keys."""
    assert modules.get(name)().model_dump(mode="json") == dump


def test_later_settings_are_identity_when_set() -> None:
    lora = modules.get("lora")
    assert lora(rslora=True).model_dump()["rslora"] is True
    changed = lora(patterns=[{"layers": "top-1", "rank": 2}])
    assert lora.model_validate(changed.model_dump(mode="json")) == changed
    assert "rslora" not in changed.model_dump(mode="json")


def update_at(module: Any, layer: int, place: str) -> tuple[int, float] | None:
    """Return rank and scale of an update in an encoder of 12 layers, None without one."""
    for site in module.sites(SHAPE):
        if (site.layer, site.place) == (layer, place):
            return module.weights(site)["B"][1], module.scale(site)
    return None


def test_patterns_of_ranks() -> None:
    module = modules.get("lora")(
        rank=8,
        alpha=16,
        patterns=[
            {"layers": "top-4", "rank": 4},
            {"target": ["query"], "layers": [11], "rank": 16, "alpha": 64},
            {"target": ["value"], "layers": [0, 1], "rank": 0},
            {"target": ["output"], "layers": [2]},
        ],
    )
    assert update_at(module, 3, "query") == (8, 2.0)
    assert update_at(module, 8, "value") == (4, 4.0)
    assert update_at(module, 11, "query") == (16, 4.0)
    assert update_at(module, 11, "value") == (4, 4.0)
    assert update_at(module, 1, "value") is None
    assert update_at(module, 2, "output") == (8, 2.0)
    assert update_at(module, 3, "output") is None
    assert update_at(modules.get("lora")(rank=16, rslora=True), 0, "query") == (16, 4.0)


def test_patterns_decide_the_layers() -> None:
    lora = modules.get("lora")
    without = {"layers": [0, 1], "rank": 0}
    assert lora(patterns=[without]).layers_of(4) == (2, 3)
    assert lora(layers="top-1", patterns=[{"layers": [1], "rank": 2}]).layers_of(4) == (1, 3)
    with pytest.raises(ModelError, match="remove every update"):
        lora(patterns=[without]).layers_of(2)
    with pytest.raises(ModelError, match="layer 9 does not exist"):
        lora(patterns=[{"layers": [9], "rank": 2}]).sites(Shape(layers=4, hidden=8, intermediate=16, vocabulary=100))


@pytest.mark.parametrize(
    ("layers", "drop", "message"),
    [
        ("all", AdapterDrop(train=11), ""),
        ("all", AdapterDrop(train=12), "removes every layer of lora, which adapts layers 0 to 11 of 12"),
        ("all", AdapterDrop(predict=12), "removes every layer"),
        ("top-4", AdapterDrop(train=9), ""),
        ("top-4", AdapterDrop(train=8, random=True), "removes no layer of lora.*a number from 9 to 11"),
        ("all", AdapterDrop(train=2, predict=0), ""),
    ],
)
def test_numbers_of_dropped_layers(layers: str, drop: AdapterDrop, message: str) -> None:
    module = modules.get("lora")(layers=layers)
    if not message:
        drop.check(module, 12)
        return
    with pytest.raises(ModelError, match=message):
        drop.check(module, 12)


@pytest.mark.parametrize(
    ("drop", "predicting"),
    [
        (AdapterDrop(), 0),
        (AdapterDrop(train=3), 3),
        (AdapterDrop(train=3, random=True), 0),
        (AdapterDrop(train=3, random=True, predict=2), 2),
        (AdapterDrop(train=3, predict=0), 0),
    ],
)
def test_dropped_layers_in_predictions(drop: AdapterDrop, predicting: int) -> None:
    assert drop.predicting == predicting


def test_order_of_targets_is_not_identity() -> None:
    lora = modules.get("lora")
    assert lora(target=["value", "query"]) == lora(target=("query", "value"))


def test_unknown_names() -> None:
    with pytest.raises(ModelError, match="no module is called 'lroa'; did you mean 'lora'"):
        modules.get("lroa")
    with pytest.raises(ModelError, match="no module is called '_base'"):
        modules.get("_base")


def test_settings_need_no_torch() -> None:
    code = (
        "import sys\nfrom layover import compositions, modules\n"
        "[modules.get(name)().layers_of(4) for name in modules.names()]\n"
        "[compositions.get(name) for name in compositions.names()]\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
