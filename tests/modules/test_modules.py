from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from layover import compositions, modules
from layover.compositions import Part
from layover.errors import ModelError
from layover.modules import LINEARS, SUBLAYERS, Shape

SHAPE = Shape(hidden=768, intermediate=3072, num_layers=12)


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
    assert {site.place for site in sites} <= {*LINEARS, *SUBLAYERS}
    if sites:
        assert {site.layer for site in sites} == set(layers)
    with pytest.raises(ValidationError, match="Extra inputs"):
        module_class.model_validate({"no_such_setting": 1})


@pytest.mark.parametrize("name", modules.names())
@pytest.mark.parametrize("composition", compositions.names())
def test_every_composition_takes_a_target_alone(name: str, composition: str) -> None:
    module = modules.get(name)()
    (part,) = compositions.get(composition)().parts(module, [], shape=SHAPE, seed=1)
    assert part == Part("target", module, None, trainable=True) or (part.module, part.trainable) == (module, True)


def test_parameter_counts_of_xlm_r_base() -> None:
    def count(name: str, **settings: object) -> int:
        return modules.get(name)(**settings).parameter_count(768, 3072, 12)

    assert count("lora") == 294_912
    assert count("lora", target=list(LINEARS)) == 1_327_104
    assert count("bottleneck") == 894_528
    assert count("bottleneck", placement="houlsby") == 1_789_056
    assert count("none") == 0
    embeddings = 768 * (250_002 + 514 + 1 + 2)
    assert modules.get("full")().parameter_count(768, 3072, 12, embeddings=embeddings) == 277_453_056


def test_layers() -> None:
    lora = modules.get("lora")
    assert lora(layers="top-4").layers_of(12) == (8, 9, 10, 11)
    assert lora(layers=[11, 3]).layers_of(12) == (3, 11)
    with pytest.raises(ModelError, match=r"lora: no layer 12: the encoder has 12, numbered 0 to 11"):
        lora(layers=[12]).layers_of(12)
    with pytest.raises(ModelError, match="top-13, but the encoder has 12"):
        lora(layers="top-13").layers_of(12)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lora", {"rank": 0}, "greater than or equal to 1"),
        ("lora", {"rank": True}, "valid integer"),
        ("lora", {"alpha": 0}, "greater than 0"),
        ("lora", {"alpha": float("inf")}, "finite"),
        ("lora", {"target": ["qeury"]}, "did you mean 'query'"),
        ("lora", {"target": []}, "at least one of: query"),
        ("lora", {"layers": "last"}, "'last' names no layers"),
        ("lora", {"layers": "top-0"}, "names no layers"),
        ("lora", {"layers": [1, 1]}, "none twice"),
        ("lora", {"layers": [-1]}, "none below 0"),
        ("lora", {"layers": []}, "at least one"),
        ("bottleneck", {"placement": "serial"}, "pfeiffer"),
        ("bottleneck", {"reduction": 0}, "greater than 0"),
        ("bottleneck", {"activation": "sin"}, "relu"),
    ],
)
def test_wrong_settings(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        modules.get(name).model_validate(settings)


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
