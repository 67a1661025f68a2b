"""AdapterDrop: which layers go without modules, when, and what then trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from tests.fingerprint import fingerprint
from torch import Tensor
from transformers import PreTrainedModel

from layover import mixers, modules
from layover.compositions import AttachedModule, Attachment, Mix
from layover.encoder import DropoutClock, Encoder
from layover.modules import AdapterDrop, Module

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]

MODULES: list[Module] = [modules.get(name)() for name in ("lora", "bottleneck", "ia3", "dora")]
STACKED: list[Module] = [module for module in MODULES if not module.alone]
FIXED, RANDOM = AdapterDrop(train=2), AdapterDrop(train=3, random=True)


def encoder_of(model: PreTrainedModel, dropout: float = 0.0) -> Encoder:
    return Encoder.from_model(model, clock=DropoutClock(5), dropout=dropout)


def random_part(encoder: Encoder, module: Module, name: str, *, trainable: bool = False) -> AttachedModule:
    encoder.attach([AttachedModule(name, module, None, trainable=True)])
    generator = torch.Generator().manual_seed(len(name))
    fresh = encoder.state(name)
    weights = {key: value + torch.randn(value.shape, generator=generator) * 0.1 for key, value in fresh.items()}
    return AttachedModule(name, module, weights, trainable=trainable)


def single(encoder: Encoder, module: Module) -> list[Attachment]:
    return [random_part(encoder, module, "target", trainable=True)]


def stack(encoder: Encoder, module: Module) -> list[Attachment]:
    return [random_part(encoder, module, "intermediate"), *single(encoder, module)]


def mix(encoder: Encoder, module: Module) -> list[Attachment]:
    members = tuple(random_part(encoder, module, name) for name in ("one", "other"))
    return [Mix("mix", mixers.get("attention")(), members, None, trainable=True), *single(encoder, module)]


def layer_by_layer(encoder: Encoder, batch: Padded) -> list[Tensor]:
    with torch.no_grad():
        return list(encoder.after(range(encoder.num_layers + 1), *batch))


@pytest.mark.parametrize("pieces_of", [single, stack, mix])
@pytest.mark.parametrize("module", STACKED, ids=lambda module: module.name)
@pytest.mark.parametrize("training", [True, False])
def test_nothing_acts_in_the_lowest_layers(
    model_of: ModelOf,
    padded: Padded,
    module: Module,
    pieces_of: Callable[[Encoder, Module], list[Attachment]],
    training: bool,
) -> None:
    encoder = encoder_of(model_of())
    frozen = layer_by_layer(encoder, padded)
    encoder.attach(pieces_of(encoder, module))
    everywhere = layer_by_layer(encoder.eval(), padded)
    encoder.drop(FIXED if training else AdapterDrop(predict=2))
    found = layer_by_layer(encoder.train(training), padded)
    assert [torch.equal(*pair) for pair in zip(found, frozen, strict=True)] == [True, True, True, False, False]
    assert not torch.equal(everywhere[1], frozen[1])
    assert encoder.lowest == 2


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_what_is_dropped_is_not_trained(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of()).train()
    encoder.attach(single(encoder, module))
    encoder.drop(FIXED)
    before, trained = encoder.state("target"), encoder.trained()["target"]
    rest = fingerprint(encoder)
    assert {int(name.split(".")[1]) for name in trained} == {2, 3}
    assert not encoder.frozen_states(*padded).requires_grad
    optimiser = torch.optim.AdamW(trained.values(), lr=0.1)
    encoder(*padded).square().sum().backward()
    optimiser.step()
    moved = {name for name, value in encoder.state("target").items() if not torch.equal(value, before[name])}
    assert moved == set(trained)
    assert {id(one) for one in encoder.parameters() if one.grad is not None} == {id(one) for one in trained.values()}
    assert fingerprint(encoder) == rest


def test_predictions_have_a_number_of_their_own(model_of: ModelOf, padded: Padded) -> None:
    encoder = encoder_of(model_of())
    encoder.attach(single(encoder, MODULES[0]))

    def lowest(drop: AdapterDrop) -> tuple[int, int]:
        encoder.drop(drop)
        return encoder.train().lowest, encoder.eval().lowest

    assert lowest(AdapterDrop(train=2)) == (2, 2)
    assert lowest(AdapterDrop(train=2, predict=0)) == (2, 0)
    assert lowest(AdapterDrop(predict=3)) == (0, 3)
    # any layer may be the lowest, so none belongs to the frozen layers
    assert lowest(AdapterDrop(train=2, random=True)) == (0, 0)
    assert lowest(AdapterDrop()) == (0, 0)


def test_random_numbers_are_a_function_of_seed_and_step(model_of: ModelOf, padded: Padded) -> None:
    encoder = encoder_of(model_of()).train()
    encoder.attach(single(encoder, MODULES[0]))
    encoder.drop(RANDOM)

    def skipped(steps: range, seed: int = 5) -> list[int]:
        encoder.clock.seed, found = seed, []
        for step in steps:
            encoder.clock.set(step, torch.arange(3))
            found.append(encoder.skipped())
        return found

    drawn = skipped(range(4000))
    assert drawn[1000:1100] == skipped(range(1000, 1100))
    assert drawn[:100] != skipped(range(100), seed=6)
    assert set(drawn) == {0, 1, 2, 3}
    assert all(abs(count - 1000) < 4 * 28 for count in Counter(drawn).values())  # 28: a standard deviation
    assert encoder.eval().skipped() == 0


def gradients(encoder: Encoder, batch: Padded, pieces: list[list[int]], step: int) -> dict[str, Tensor]:
    """Return the gradients of one step, its rows cut into pieces."""
    encoder.zero_grad()
    for rows in pieces:
        encoder.clock.set(step, torch.tensor(rows))
        encoder(batch[0][rows], batch[1][rows]).square().sum().backward()
    return {name: one.grad.clone() for name, one in encoder.trained()["target"].items() if one.grad is not None}


@pytest.mark.parametrize("step", range(4))
def test_micro_batches_have_the_number_of_their_step(model_of: ModelOf, padded: Padded, step: int) -> None:
    ids, lengths = padded[0].clamp(min=4), torch.full((3,), 17)
    encoder = encoder_of(model_of(), dropout=0.1).train()
    encoder.attach(single(encoder, MODULES[1]))
    encoder.drop(RANDOM)
    whole = gradients(encoder, (ids, lengths), [[0, 1, 2]], step)
    cut = gradients(encoder, (ids, lengths), [[2], [0], [1]], step)
    assert whole.keys() == cut.keys()
    assert {int(name.split(".")[1]) for name in whole} == set(range(encoder.skipped(), 4))
    for name, gradient in whole.items():
        torch.testing.assert_close(gradient, cut[name], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("drop", [FIXED, RANDOM], ids=["fixed", "random"])
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_checkpointing_is_exact(model_of: ModelOf, padded: Padded, module: Module, drop: AdapterDrop) -> None:
    encoder = encoder_of(model_of(), dropout=0.1).train()
    encoder.attach(single(encoder, module))
    encoder.drop(drop)
    for step in range(3):
        encoder.gradient_checkpointing(False)
        plain = gradients(encoder, padded, [[0, 1, 2]], step)
        encoder.gradient_checkpointing(True)
        again = gradients(encoder, padded, [[0, 1, 2]], step)
        assert plain.keys() == again.keys()
        assert all(torch.equal(value, again[name]) for name, value in plain.items())


def test_frozen_layers_have_no_dropout(model_of: ModelOf, padded: Padded) -> None:
    encoder = encoder_of(model_of(), dropout=0.5)
    encoder.attach(single(encoder, MODULES[0]))
    encoder.drop(FIXED)
    encoder.clock.set(0, torch.arange(3))
    quiet = encoder.eval().frozen_states(*padded)
    assert torch.equal(encoder.train().frozen_states(*padded), quiet)
