from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from layover import compositions, mixers, modules
from layover.compositions import AttachedModule, Mix
from layover.errors import ModelError
from layover.modules import Module
from layover.shape import Shape

SHAPE = Shape(layers=2, hidden=8, intermediate=16, vocabulary=100)
FUSE = compositions.get("fuse")
LORA, BOTTLENECK, FULL, NONE = (modules.get(name)() for name in ("lora", "bottleneck", "full", "none"))


def done(module: Module, place: int) -> AttachedModule:
    weights = {
        f"{site.name}.{key}": torch.ones(size)
        for site in module.sites(SHAPE)
        for key, size in module.weights(site).items()
    }
    return AttachedModule(f"intermediate.{place}", module, weights, trainable=False)


@pytest.mark.parametrize("module", [LORA, BOTTLENECK], ids=lambda module: module.name)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_one_mix_of_frozen_members(module: Module, own: bool, count: int) -> None:
    fuse = FUSE(mixer="low_rank", rank=2, own=own)
    target = fuse.target_module(module, count)
    assert target.name == (module.name if own else "none")
    members = [done(module, place) for place in range(count)]
    (mix,) = fuse.attachments(target, members, shape=SHAPE, seed=1)
    assert isinstance(mix, Mix)
    assert (mix.mixer, mix.weights, mix.trainable) == (mixers.get("low_rank")(rank=2), None, True)
    assert list(mix.members[:count]) == members
    assert [(one.name, one.weights, one.trainable) for one in mix.members[count:]] == [("target", None, True)] * own
    names = [f"task {place}" for place in range(count)]
    assert fuse.mixes(names) == (*names, "own") if own else tuple(names)


def test_without_an_intermediate_it_is_the_module() -> None:
    (part,) = FUSE().attachments(FUSE().target_module(LORA, 0), [], shape=SHAPE, seed=1)
    assert isinstance(part, AttachedModule)
    assert (part.module, part.trainable) == (LORA, True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixer": "atention"}, "'atention' is not a learned mixer; did you mean 'attention'"),
        ({"mixer": "_base"}, "'_base' is not a learned mixer"),
        ({"rank": 4}, "rank has no effect with attention; it is a setting of low_rank"),
        ({"mixer": "low_rank", "rank": 0}, "greater than or equal to 1"),
        ({"lr": 0}, "greater than or equal to"),
        ({"own": "yes"}, "valid boolean"),
    ],
)
def test_wrong_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FUSE.model_validate(settings)


@pytest.mark.parametrize(
    ("module", "intermediate", "message"),
    [
        (FULL, FULL, "fuse does not work with full: it is a copy of the whole encoder"),
        (NONE, NONE, "not work with none: it trains no part of the encoder"),
        (LORA, BOTTLENECK, "fuse mixes modules with equal settings"),
        (LORA, modules.get("lora")(rank=4), "give both the same settings, or remove own"),
    ],
)
def test_what_cannot_be_mixed(module: Module, intermediate: Module, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        FUSE(own=True).check(module, [intermediate])


def test_identity() -> None:
    assert FUSE(mixer="low_rank").canonical() == FUSE(mixer="low_rank", rank=8).canonical()
    assert FUSE(lr=1e-3).canonical() == FUSE().canonical(), "a training has it among its own numbers"
    different = [FUSE(), FUSE(own=True), FUSE(mixer="gated"), FUSE(mixer="low_rank"), FUSE(mixer="low_rank", rank=4)]
    assert len({str(fuse.canonical()) for fuse in different}) == len(different)
    for fuse in different:
        again = compositions.parse(fuse.canonical())
        assert again.canonical() == fuse.canonical()
        assert again.built_mixer() == fuse.built_mixer()
