from __future__ import annotations

import pytest
import torch

from layover import compositions, modules
from layover.compositions import Part
from layover.errors import ModelError
from layover.modules import Module

LORA, OTHER = modules.get("lora")(), modules.get("lora")(rank=4)
BOTTLENECK, FULL, NONE = (modules.get(name)() for name in ("bottleneck", "full", "none"))


def done(module: Module) -> Part:
    return Part("intermediate", module, {"any": torch.zeros(1)}, trainable=False)


def shown(parts: list[Part]) -> list[tuple[str, str, bool, bool]]:
    return [(part.name, part.module.name, part.weights is not None, part.trainable) for part in parts]


@pytest.mark.parametrize("name", compositions.names())
def test_contract(name: str) -> None:
    composition = compositions.get(name)
    assert composition.name == name
    assert composition.modules <= set(modules.names())
    assert all(modules.get(module).trains_encoder for module in composition.modules)
    for module in composition.modules:
        one = modules.get(module)()
        composition.check(one, one)
        parts = composition.parts(one, done(one))
        assert parts[-1].name == "target"
        assert [part.trainable for part in parts] == [part.name == "target" for part in parts]


def test_warm_continues_and_stack_keeps() -> None:
    assert shown(compositions.get("warm").parts(LORA, done(LORA))) == [("target", "lora", True, True)]
    assert shown(compositions.get("stack").parts(LORA, done(LORA))) == [
        ("intermediate", "lora", True, False),
        ("target", "lora", False, True),
    ]
    mixed = compositions.get("stack").parts(BOTTLENECK, done(OTHER))
    assert shown(mixed) == [("intermediate", "lora", True, False), ("target", "bottleneck", False, True)]


@pytest.mark.parametrize(
    ("name", "module", "intermediate", "message"),
    [
        ("warm", LORA, OTHER, r"lora\(layers='all' rank=4.*stack them"),
        ("warm", LORA, BOTTLENECK, "must be the same"),
        ("warm", NONE, NONE, "warm works with bottleneck, full, lora, not with none"),
        ("stack", FULL, FULL, "stack works with bottleneck, lora, not with full"),
        ("stack", LORA, NONE, "not with none"),
    ],
)
def test_combinations_without_meaning(name: str, module: Module, intermediate: Module, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        compositions.get(name).check(module, intermediate)
    with pytest.raises(ModelError, match=message):
        compositions.get(name).parts(module, done(intermediate))


@pytest.mark.parametrize("weights", [None, {}])
def test_an_intermediate_without_weights_is_not_taken_as_fresh(weights: dict[str, torch.Tensor] | None) -> None:
    for name in compositions.names():
        with pytest.raises(ModelError, match="no weights"):
            compositions.get(name).parts(LORA, Part("intermediate", LORA, weights, trainable=False))


def test_unknown_name() -> None:
    with pytest.raises(ModelError, match="no composition is called 'stak'; did you mean 'stack'"):
        compositions.get("stak")
