"""The contract of every module with every composition, all of them found on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from layover import compositions, mixers, modules
from layover.compositions import AttachedModule, Attachment, Composition, Fold, Mix
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.mixers._router import Router
from layover.modules import Module

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "merge": [
        {"method": "svd"},
        {"method": "ties", "density": 1.0},
        {"method": "dare", "density": 1.0},
        {"method": "magnitude", "density": 1.0},
    ],
    "fuse": [{"mixer": name} for name in mixers.names() if mixers.get(name).learned],
    "route": [{"router": name} for name in mixers.names() if issubclass(mixers.get(name), Router)],
}
"""Settings beside the defaults; those that keep everything, so that one intermediate is itself."""

EQUAL = 1e-4
"""Largest difference of hidden states of size 1 to 10, where the arithmetic is another; 0 where it is the same."""


def every(count: int) -> list[Any]:
    """Return (module, composition) for every combination that has a meaning with so many intermediates."""
    found = []
    for module_name in modules.names():
        for name in compositions.names():
            for settings in [{}, *VARIANTS.get(name, [])]:
                module, composition = modules.get(module_name)(), compositions.get(name)(**settings)
                if composition.refuses(module) or (count > 1 and not composition.takes_several):
                    continue
                label = f"{module_name}-{name}" + "".join(f"-{value}" for value in settings.values())
                found.append(pytest.param(module, composition, id=label))
    return found


def encoder_of(model: PreTrainedModel, dropout: float = 0.0) -> Encoder:
    encoder = Encoder.from_model(model, clock=DropoutClock(3), dropout=dropout)
    encoder.clock.set(0, torch.arange(3))
    return encoder.eval()


def intermediates_of(model_of: ModelOf, module: Module, count: int) -> list[AttachedModule]:
    """Return finished intermediates whose weights change something, with gates."""
    encoder = encoder_of(model_of())
    encoder.attach([AttachedModule("any", module, None, trainable=True)])
    state = encoder.state("any")
    parts = []
    for place in range(count):
        generator = torch.Generator().manual_seed(place)
        weights = {name: value + torch.randn(value.shape, generator=generator) * 0.05 for name, value in state.items()}
        gates = {
            f"{site.name}.gates": torch.randn(1, site.inputs, generator=generator)
            for site in module.sites(encoder.shape)
        }
        name = "intermediate" if count == 1 else f"intermediate.{place}"
        parts.append(AttachedModule(name, module, weights, trainable=False, gates=gates))
    return parts


def composed(
    encoder: Encoder,
    composition: Composition,
    module: Module,
    intermediates: Sequence[AttachedModule],
    **settings: Any,
) -> list[Attachment]:
    """Return the pieces, with other settings of the composition."""
    names = [f"task{place}" for place in range(len(intermediates))]
    one = composition.model_copy(update=settings).for_intermediates(names)
    target = one.target_module(module, len(intermediates))
    return one.attachments(target, intermediates, shape=encoder.shape, seed=1)


def step(encoder: Encoder, padded: Padded, lr: float = 0.01) -> dict[str, Tensor]:
    """Do one step of AdamW on whatever trains; return the gradients."""
    weights = {f"{part}/{name}": value for part, named in encoder.trained().items() for name, value in named.items()}
    optimiser = torch.optim.AdamW(weights.values(), lr=lr)
    encoder(*padded).pow(2).mean().backward()
    gradients = {name: value.grad.clone() for name, value in weights.items() if value.grad is not None}
    optimiser.step()
    optimiser.zero_grad()
    return gradients


def hashes(encoder: Encoder) -> dict[str, str]:
    values = {
        name: value.detach().contiguous().view(-1).view(torch.uint8) for name, value in encoder.named_parameters()
    }
    return {name: hashlib.sha256(value.numpy().data).hexdigest() for name, value in values.items()}


@pytest.mark.parametrize("name", modules.names())
@pytest.mark.parametrize("composition", compositions.names())
def test_a_combination_works_or_says_why_not(name: str, composition: str) -> None:
    module, found = modules.get(name)(), compositions.get(composition)()
    assert compositions.get(composition).name == composition
    reason = found.refuses(module)
    if reason:
        with pytest.raises(ModelError, match=f"{composition} does not work with {name}: "):
            found.check(module, [module])
    else:
        found.check(module, [module])


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_without_an_intermediate_a_fresh_module_changes_nothing(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    encoder = encoder_of(model_of())
    frozen = encoder(*padded)
    encoder.attach(composition.attachments(module, [], shape=encoder.shape, seed=1))
    assert torch.equal(encoder(*padded), frozen)


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_one_intermediate_is_itself_at_step_0(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    encoder = encoder_of(model_of())
    frozen = encoder(*padded)
    (intermediate,) = intermediates_of(model_of, module, 1)
    encoder.attach([intermediate])
    alone = encoder(*padded)
    assert float((alone - frozen).detach().abs().max()) > 0.01
    fresh = encoder_of(model_of())
    fresh.attach(composed(fresh, composition, module, [intermediate]))
    exact = {"warm", "stack"}
    limit = 0.0 if composition.name in exact else EQUAL
    assert float((fresh(*padded) - alone).detach().abs().max()) <= limit


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_only_what_is_named_changes(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    encoder, count = encoder_of(model_of()), 2 if composition.takes_several else 1
    encoder.attach(composed(encoder, composition, module, intermediates_of(model_of, module, count)))
    trained = {id(value) for named in encoder.trained().values() for value in named.values()}
    names = {name for name, value in encoder.named_parameters() if id(value) in trained}
    assert names == {name for name, value in encoder.named_parameters() if value.requires_grad}
    before, moved = hashes(encoder), set()
    for _ in range(2):  # a fresh A of a LoRA has no gradient before its B has moved
        gradients = step(encoder, padded)
        moved |= {name for name, value in gradients.items() if float(value.abs().max()) > 0}
    after = hashes(encoder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= names
    assert len(changed) >= len(moved) > 0.7 * len(names), "of some biases in an attention the gradient is zero"


@pytest.mark.parametrize(("module", "composition"), every(2))
def test_several_are_all_there_and_their_order_matters_only_where_it_is_said(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    one, other = intermediates_of(model_of, module, 2)
    outputs = []
    for given in ([one, other], [other, one], [one, one], [other, other]):
        encoder = encoder_of(model_of())
        named = [
            AttachedModule(f"intermediate.{place}", p.module, p.weights, False, p.gates)
            for place, p in enumerate(given)
        ]
        encoder.attach(composed(encoder, composition, module, named))
        outputs.append(encoder(*padded))
    first, second, twice, other_twice = outputs
    assert (float((first - second).detach().abs().max()) <= EQUAL) is not composition.keeps_order(module)
    assert float((first - twice).detach().abs().max()) > 0.01
    assert float((first - other_twice).detach().abs().max()) > 0.01


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_saved_and_loaded_it_is_the_same(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    encoder = encoder_of(model_of())
    intermediates = intermediates_of(model_of, module, 1)
    encoder.attach(composed(encoder, composition, module, intermediates))
    step(encoder, padded)
    states = {name: encoder.state(name) for name in encoder.trained()}
    pieces = [finished(piece, states) for piece in composed(encoder, composition, module, intermediates)]
    again = encoder_of(model_of())
    again.attach(pieces)
    assert not again.trained()
    assert torch.equal(again(*padded), encoder(*padded))


def finished(piece: Attachment, states: dict[str, dict[str, Tensor]]) -> Attachment:
    if isinstance(piece, AttachedModule):
        return AttachedModule(piece.name, piece.module, states.get(piece.name, piece.weights), trainable=False)
    if isinstance(piece, Mix):
        members = tuple(one for member in piece.members if isinstance(one := finished(member, states), AttachedModule))
        return Mix(piece.name, piece.mixer, members, states.get(piece.name, piece.weights), trainable=False)
    return piece


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_gradient_checkpointing_and_dropout_change_no_gradient(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    intermediates = intermediates_of(model_of, module, 2 if composition.takes_several else 1)
    found = []
    for checkpointing in (False, True):
        encoder = encoder_of(model_of(), dropout=0.2)
        encoder.attach(composed(encoder, composition, module, intermediates))
        encoder.gradient_checkpointing(checkpointing)
        encoder.train()
        found.append(step(encoder, padded))
    plain, again = found
    assert plain.keys() == again.keys()
    assert plain
    assert all(torch.equal(plain[name], again[name]) for name in plain)
    without = encoder_of(model_of(), dropout=0.0)
    without.attach(composed(without, composition, module, intermediates))
    without.train()
    assert any(not torch.equal(plain[name], value) for name, value in step(without, padded).items())


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_bf16_is_near_fp32(model_of: ModelOf, padded: Padded, module: Module, composition: Composition) -> None:
    encoder = encoder_of(model_of(initializer_range=0.05))
    encoder.attach(composed(encoder, composition, module, intermediates_of(model_of, module, 1)))
    expected = encoder(*padded)
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(*padded)
        found.float().pow(2).mean().backward()
    difference = float(((found.float() - expected).norm() / expected.norm()).detach())
    assert 0 < difference < 0.05
    gradients = [value.grad for named in encoder.trained().values() for value in named.values()]
    assert all(one is not None and one.dtype == torch.float32 and bool(one.isfinite().all()) for one in gradients)


@pytest.mark.parametrize(("module", "composition"), every(1))
def test_nothing_is_left_when_it_is_taken_off(
    model_of: ModelOf, padded: Padded, module: Module, composition: Composition
) -> None:
    encoder = encoder_of(model_of())
    frozen = encoder(*padded)
    encoder.attach(composed(encoder, composition, module, intermediates_of(model_of, module, 1)))
    if module.whole:  # the weights themselves have changed
        with pytest.raises(ModelError, match="load the encoder again"):
            encoder.attach([])
        return
    encoder.attach([])
    assert torch.equal(encoder(*padded), frozen)
    assert encoder.lowest == encoder.num_layers


def test_a_fold_that_does_not_fit_is_refused(model_of: ModelOf) -> None:
    encoder = encoder_of(model_of())
    module = modules.get("lora")()
    site = module.sites(encoder.shape)[0]
    fold = Fold("intermediate", (site,), lambda _: torch.zeros(3, 3))
    with pytest.raises(
        ModelError, match=r"the change at layers.0.query has the shape \(3, 3\), but the linear map has \(48, 48\)"
    ):
        encoder.attach([fold])
    (norm,) = modules.get("bottleneck")(layers=(1,)).sites(encoder.shape)
    with pytest.raises(ModelError, match=r"layers.1.feedforward is not a linear map"):
        encoder.attach([Fold("intermediate", (norm,), lambda _: torch.zeros(3, 3))])


def test_what_is_mixed_acts_at_the_same_places(model_of: ModelOf) -> None:
    encoder = encoder_of(model_of())
    parts = [intermediates_of(model_of, modules.get("lora")(layers=layers), 1)[0] for layers in ("all", "top-2")]
    named = tuple(AttachedModule(f"intermediate.{place}", p.module, p.weights, False) for place, p in enumerate(parts))
    with pytest.raises(ModelError, match=r"intermediate.0 and intermediate.1 attach to different sites"):
        encoder.attach([Mix("mix", mixers.get("attention")(), named, None, trainable=True)])
