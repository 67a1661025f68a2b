from __future__ import annotations

import pytest
import torch

from layover import compositions, modules
from layover.compositions import AttachedModule, Attachment, Fold, Mix
from layover.errors import ModelError
from layover.modules import Module
from layover.shape import Shape

SHAPE = Shape(layers=2, hidden=8, intermediate=16, vocabulary=100)
LORA, OTHER = modules.get("lora")(), modules.get("lora")(rank=4)
BOTTLENECK, FULL, NONE, DORA, IA3 = (modules.get(name)() for name in ("bottleneck", "full", "none", "dora", "ia3"))


def done(module: Module, name: str = "intermediate") -> AttachedModule:
    weights = {
        f"{site.name}.{key}": torch.ones(size)
        for site in module.sites(SHAPE)
        for key, size in module.weights(site).items()
    }
    return AttachedModule(name, module, weights or {"any": torch.zeros(1)}, trainable=False)


def parts_of(name: str, module: Module, *intermediates: AttachedModule, **settings: object) -> list[Attachment]:
    return compositions.get(name)(**settings).attachments(module, intermediates, shape=SHAPE, seed=1)


def shown(pieces: list[Attachment]) -> list[tuple[str, str, bool, bool]]:
    return [
        (piece.name, piece.module.name, piece.weights is not None, piece.trainable)
        for piece in pieces
        if isinstance(piece, AttachedModule)
    ]


def trained(pieces: list[Attachment]) -> list[str]:
    names = []
    for piece in pieces:
        if isinstance(piece, Fold):
            continue
        names += [piece.name] if piece.trainable else []
        names += [member.name for member in piece.members if member.trainable] if isinstance(piece, Mix) else []
    return names


def test_warm_continues_and_stack_keeps() -> None:
    assert shown(parts_of("warm", LORA, done(LORA))) == [("target", "lora", True, True)]
    assert shown(parts_of("stack", LORA, done(LORA))) == [
        ("intermediate", "lora", True, False),
        ("target", "lora", False, True),
    ]
    mixed = parts_of("stack", BOTTLENECK, done(OTHER))
    assert shown(mixed) == [("intermediate", "lora", True, False), ("target", "bottleneck", False, True)]
    assert shown(parts_of("warm", DORA, done(DORA))) == [("target", "dora", True, True)]
    assert shown(parts_of("stack", IA3, done(IA3)))[0] == ("intermediate", "ia3", True, False)


def test_a_stack_takes_several_in_their_order() -> None:
    pieces = parts_of("stack", LORA, done(LORA, "intermediate.0"), done(LORA, "intermediate.1"))
    assert [piece.name for piece in pieces] == ["intermediate.0", "intermediate.1", "target"]
    assert trained(pieces) == ["target"]
    stack = compositions.get("stack")()
    assert stack.keeps_order(BOTTLENECK)
    assert not stack.keeps_order(LORA)  # a sum


@pytest.mark.parametrize(("on_top", "left"), [("module", ["lora"]), ("head", ["none"]), ("none", [])])
def test_what_is_trained_on_a_merged_encoder(on_top: str, left: list[str]) -> None:
    fold, *others = parts_of("merge", LORA, done(LORA), on_top=on_top)
    assert isinstance(fold, Fold)
    assert [piece.module.name for piece in others if isinstance(piece, AttachedModule)] == left


@pytest.mark.parametrize(
    ("name", "module", "intermediate", "message"),
    [
        ("warm", LORA, OTHER, r"lora\(layers='all' rank=4.*stack them"),
        ("warm", LORA, BOTTLENECK, "must be equal"),
        ("warm", NONE, NONE, "warm does not work with none: it trains no part of the encoder"),
        ("stack", FULL, FULL, "stack does not work with full: it is a copy of the whole encoder"),
        ("stack", LORA, NONE, "not work with none"),
        ("merge", BOTTLENECK, BOTTLENECK, "not a linear change of the frozen weights"),
        ("merge", FULL, FULL, "a copy of the whole encoder"),
        ("merge", IA3, IA3, "not a linear change of the frozen weights"),
        ("merge", DORA, DORA, "it rescales every row of the frozen weights"),
        ("stack", DORA, DORA, "stack does not work with dora: .*; choose another composition or module"),
        ("stack", DORA, LORA, "stack does not work with dora"),
    ],
)
def test_combinations_without_meaning(name: str, module: Module, intermediate: Module, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        compositions.get(name)().check(module, [intermediate])
    with pytest.raises(ModelError, match=message):
        parts_of(name, module, done(intermediate))


def test_warm_takes_one() -> None:
    with pytest.raises(ModelError, match=r"warm takes one intermediate, but 2 .* or train a mixture"):
        parts_of("warm", LORA, done(LORA, "intermediate.0"), done(LORA, "intermediate.1"))


@pytest.mark.parametrize("weights", [None, {}])
@pytest.mark.parametrize("name", compositions.names())
def test_an_intermediate_without_weights_is_not_taken_as_fresh(
    name: str, weights: dict[str, torch.Tensor] | None
) -> None:
    with pytest.raises(ModelError, match="no weights"):
        parts_of(name, LORA, AttachedModule("intermediate", LORA, weights, trainable=False))


def test_unknown_name() -> None:
    with pytest.raises(ModelError, match="no composition is called 'stak'; did you mean 'stack'"):
        compositions.get("stak")
