"""The adapter of a language: below everything else, swapped without touching anything, its inverse, and adapters'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from tests.fingerprint import fingerprint
from tests.tolerances import ROUNDING
from torch import Tensor
from transformers import PreTrainedModel

from layover import modules
from layover.compositions import LANGUAGE, TARGET, AttachedModule
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.heads import build
from layover.modules import EMBEDDINGS, AdapterDrop, Module
from layover.shape import Shape

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]

SPOKEN = modules.get("bottleneck")(reduction=2, invertible=True)
TASK = modules.get("bottleneck")(reduction=6)
HALVES = {"f": "F", "g": "G"}
PLACES = {"down": "adapter_down.0.weight", "down_bias": "adapter_down.0.bias", "up": "adapter_up.weight",
          "up_bias": "adapter_up.bias"}  # fmt: skip


def drawn(encoder: Encoder, module: Module, seed: int) -> AttachedModule:
    """Return a part with random weights."""
    encoder.set_language(None)
    encoder.attach([AttachedModule(TARGET, module, None, trainable=True)])
    generator = torch.Generator().manual_seed(seed)
    fresh = encoder.state(TARGET)
    return AttachedModule(
        TARGET, module, {name: torch.randn(one.shape, generator=generator) * 0.1 for name, one in fresh.items()}, False
    )


def weights_of(part: AttachedModule) -> Mapping[str, Tensor]:
    assert part.weights is not None
    return part.weights


@pytest.fixture
def encoder(model_of: ModelOf) -> Encoder:
    return Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()


@pytest.fixture
def whole() -> Padded:
    """Return rows of one length: where nothing is padded the library does the very same sums as we."""
    return torch.randint(4, 200, (3, 17), generator=torch.Generator().manual_seed(7)), torch.full((3,), 17)


def test_a_fresh_adapter_changes_nothing_and_all_of_it_learns(encoder: Encoder, padded: Padded) -> None:
    before = encoder(*padded)
    encoder.attach([AttachedModule(TARGET, SPOKEN, None, trainable=True)])
    assert encoder.lowest == 0
    assert torch.equal(encoder(*padded), before)
    assert torch.equal(encoder.undone(before), before)
    encoder(*padded).pow(3).sum().backward()
    moved = {name for name, one in encoder.trained()[TARGET].items() if one.grad is not None and one.grad.abs().sum()}
    assert {"layers.0.embeddings.f_up", "layers.0.embeddings.g_up_bias", "layers.3.feedforward.up"} <= moved


@pytest.mark.parametrize("hidden", [48, 6])
@pytest.mark.parametrize("activation", ["relu", "gelu", "swish"])
def test_what_is_done_to_the_embeddings_can_be_undone(model_of: ModelOf, hidden: int, activation: str) -> None:
    module = modules.get("bottleneck")(invertible=True, inv_reduction=3, activation=activation)
    encoder = Encoder.from_model(model_of(hidden_size=hidden, num_attention_heads=2), clock=DropoutClock(0)).eval()
    encoder.set_language(drawn(encoder, module, 1))
    ids, lengths = torch.full((2, 7), 9), torch.tensor([7, 7])
    with torch.no_grad():
        (changed,) = encoder.after([0], ids, lengths)
        undone = encoder.undone(changed)
        encoder.attach([])
        encoder.set_language(None)
        (plain,) = encoder.after([0], ids, lengths)
    assert not torch.allclose(changed, plain, atol=0.1)
    assert torch.allclose(undone, plain, atol=ROUNDING)


def test_languages_change_and_nothing_else_does(encoder: Encoder, padded: Padded) -> None:
    one, other = (drawn(encoder, SPOKEN, seed) for seed in (1, 2))
    lora = modules.get("lora")(layers="top-2")
    encoder.attach([AttachedModule(TARGET, lora, drawn(encoder, lora, 3).weights, trainable=True)])
    alone, trained = encoder(*padded), encoder.trained()[TARGET]
    said = []
    for part in (one, other, one):
        encoder.set_language(part)
        assert encoder.lowest == 0
        said.append(encoder(*padded))
        assert encoder.trained().keys() == {TARGET}
        assert all(weight is trained[name] for name, weight in encoder.trained()[TARGET].items())
        spoken = [weight for name, weight in encoder.named_parameters() if "attachments.0" in name]
        assert spoken
        assert not any(weight.requires_grad for weight in spoken)
    assert torch.equal(said[0], said[2])
    assert not torch.allclose(said[0], said[1], atol=0.1)
    before = fingerprint(encoder)
    optimiser = torch.optim.SGD(trained.values(), lr=0.1)
    encoder(*padded).pow(3).sum().backward()
    optimiser.step()
    assert fingerprint(encoder) == before
    assert torch.equal(encoder.state(LANGUAGE)["layers.1.feedforward.up"], weights_of(one)["layers.1.feedforward.up"])
    encoder.attach([AttachedModule(TARGET, lora, None, trainable=True)])
    encoder.set_language(None)
    assert encoder.lowest == 2
    assert not torch.equal(encoder(*padded), alone)


def test_an_adapter_without_weights_is_refused(encoder: Encoder) -> None:
    with pytest.raises(ModelError, match="no weights; train it first"):
        encoder.set_language(AttachedModule(TARGET, SPOKEN, None, trainable=True))


def test_only_the_embeddings_are_one_more_site() -> None:
    shape = Shape(layers=12, hidden=768, intermediate=3072, vocabulary=250_002)
    plain, both = (modules.get("bottleneck")(layers="top-2", invertible=on) for on in (False, True))
    assert (plain.layers_of(12), both.layers_of(12)) == ((10, 11), (0, 10, 11))
    assert both.sites(shape)[1:] == plain.sites(shape)
    assert both.sites(shape)[0].place == EMBEDDINGS
    coupling = 2 * (384 * 192 + 192 + 192 * 384 + 384)
    assert both.parameter_count(shape) - plain.parameter_count(shape) == coupling


def test_the_key_of_a_module_knows_new_settings_only_when_they_are_set() -> None:
    bottleneck = modules.get("bottleneck")
    assert bottleneck().model_dump().keys() == {"layers", "placement", "reduction", "activation"}
    assert bottleneck(invertible=True).model_dump()["invertible"] is True
    assert bottleneck(invertible=True, inv_reduction=4).model_dump()["inv_reduction"] == 4
    with pytest.raises(ValueError, match="inv_reduction has an effect with `invertible: true` only"):
        bottleneck(inv_reduction=4)


def in_adapters(model: Any, parts: Mapping[str, AttachedModule]) -> Any:
    """Put the parts into a model of adapters as a stack, the language first."""
    adapters = pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)
    adapters.init(model)  # nothing for a model of adapters' own
    for name, part in parts.items():
        settings: Any = part.module
        chosen = adapters.SeqBnInvConfig if settings.invertible else adapters.SeqBnConfig
        model.add_adapter(name, config=chosen(reduction_factor=settings.reduction))
    model.set_active_adapters(adapters.Stack(*parts))
    own = {name.removeprefix("roberta."): value for name, value in model.named_parameters()}
    for name, part in parts.items():
        for path, value in weights_of(part).items():
            _, layer, place, weight = path.split(".")
            if place == EMBEDDINGS:
                half, matrix = weight[0], weight[2:]
                number, kind = (0 if "down" in matrix else 2), ("bias" if "bias" in matrix else "weight")
                theirs = own[f"invertible_adapters.{name}.{HALVES[half]}.{number}.{kind}"]
            else:
                theirs = own[f"encoder.layer.{layer}.output.adapters.{name}.{PLACES[weight]}"]
            assert theirs.shape == value.shape
            theirs.data.copy_(value)
    return model.eval()


def test_a_language_below_a_task_is_adapters_stack(model_of: ModelOf, encoder: Encoder, whole: Padded) -> None:
    parts = {"lang": drawn(encoder, SPOKEN, 1), "task": drawn(encoder, TASK, 2)}
    encoder.attach([parts["task"]])
    encoder.set_language(parts["lang"])
    model = in_adapters(model_of(), parts)
    ids, lengths = whole
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    with torch.no_grad():
        assert torch.equal(encoder(*whole), model(input_ids=ids, attention_mask=mask).last_hidden_state)


def test_the_mlm_head_undoes_the_coupling_as_adapters_does(model_of: ModelOf, encoder: Encoder, whole: Padded) -> None:
    adapters = pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)
    head = build("mlm", 48, 200, clock=encoder.clock, dropout=0.0).eval()
    head.load_state_dict({name: torch.randn(one.shape) * 0.2 for name, one in head.state_dict().items()})
    head.tie(encoder)
    language = drawn(encoder, SPOKEN, 1)
    encoder.attach([])
    encoder.set_language(language)
    base = model_of()
    model = adapters.XLMRobertaAdapterModel(base.config)
    model.roberta.load_state_dict(base.state_dict(), strict=False)  # it has a pooler, too
    model.add_masked_lm_head("mlm")
    in_adapters(model, {"lang": language})
    theirs = dict(model.heads["mlm"].named_parameters())
    numbers = {"dense": "0", "layer_norm": "2", "bias": "3.bias"}
    for name, value in head.named_parameters():
        first, _, last = name.partition(".")
        theirs[f"{numbers[first]}.{last}".rstrip(".")].data.copy_(value)
    ids, lengths = whole
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    places = torch.arange(ids.numel())  # all, so that the sums are made in the same order
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)
        assert torch.equal(head(encoder(*whole), lengths, {"places": places}), logits)
        encoder.set_language(None)
        assert not torch.allclose(head(encoder(*whole), lengths, {"places": places}), logits, atol=0.1)


def test_the_adapter_of_a_language_stays_where_modules_are_dropped(encoder: Encoder, padded: Padded) -> None:
    language, task = drawn(encoder, SPOKEN, 1), drawn(encoder, modules.get("lora")(layers=(0, 1)), 2)
    encoder.attach([])
    encoder.set_language(language)
    alone = encoder(*padded)
    encoder.attach([task])
    encoder.set_language(language)
    assert not torch.equal(encoder(*padded), alone)
    encoder.drop(AdapterDrop(predict=2))
    assert encoder.lowest == 0, "the embeddings are changed"
    assert torch.equal(encoder(*padded), alone)
