"""Outputs and gradients equal those of peft and adapters, difference 0.0."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from tests.tolerances import ROUNDING
from torch import Tensor, nn
from transformers import PreTrainedModel

from layover import mixers, modules
from layover.compositions import AttachedModule, Mix
from layover.encoder import DropoutClock, Encoder
from layover.modules import Module, Site
from layover.modules._activations import Activation
from layover.shape import Shape

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]

PATHS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    # peft scales what comes into `output`
    "inner": "output.dense",
    "attention": "attention.output",
    "feedforward": "output",
}


@pytest.fixture
def padded() -> Padded:
    """Return rows of one length: where nothing is padded the libraries do the very same sums as we."""
    return torch.randint(4, 200, (3, 17), generator=torch.Generator().manual_seed(7)), torch.full((3,), 17)


def random_parts(encoder: Encoder, module: Module, names: list[str]) -> list[AttachedModule]:
    """Return frozen parts and a trainable last one, all with random weights."""
    parts = []
    for number, name in enumerate(names):
        encoder.attach([AttachedModule(name, module, None, trainable=True)])
        generator = torch.Generator().manual_seed(number)
        fresh = encoder.state(name)
        weights = {key: torch.randn(value.shape, generator=generator) * 0.1 for key, value in fresh.items()}
        parts.append(AttachedModule(name, module, weights, trainable=name == names[-1]))
    return parts


def path_of(site: str) -> str:
    _, layer, place = site.split(".")
    return f"encoder.layer.{layer}.{PATHS[place]}"


def ours(encoder: Encoder, parts: Sequence[AttachedModule | Mix], batch: Padded) -> tuple[Tensor, dict[str, Tensor]]:
    encoder.attach(parts)
    output = encoder(*batch)
    output.pow(3).sum().backward()
    trained = encoder.trained()[parts[-1].name]
    return output, {name: value.grad for name, value in trained.items() if value.grad is not None}


def theirs(model: nn.Module, batch: Padded, parameters: Mapping[str, nn.Parameter]) -> tuple[Tensor, dict[str, Tensor]]:
    output = run(model, batch)
    output.pow(3).sum().backward()
    return output, {name: value.grad for name, value in parameters.items() if value.grad is not None}


def run(model: nn.Module, batch: Padded) -> Tensor:
    ids, lengths = batch
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    output: Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return output


def assert_same(one: tuple[Tensor, dict[str, Tensor]], other: tuple[Tensor, dict[str, Tensor]]) -> None:
    assert torch.equal(one[0], other[0])
    assert one[1].keys() == other[1].keys()
    assert one[1]
    for name, gradient in one[1].items():
        assert float(gradient.abs().max()) > 0.0
        # peft writes a vector as a matrix of one row or column
        assert torch.equal(gradient, other[1][name].view_as(gradient)), name


def assert_rounded_alike(one: tuple[Tensor, dict[str, Tensor]], other: tuple[Tensor, dict[str, Tensor]]) -> None:
    """The same sums in another order: the hidden states, and the direction and length of every gradient."""
    torch.testing.assert_close(one[0], other[0], atol=ROUNDING, rtol=0)
    assert one[1].keys() == other[1].keys()
    assert one[1]
    for name, gradient in one[1].items():
        theirs_there = other[1][name].view_as(gradient)
        if name.endswith("key_bias"):
            # it adds the same to all scores of a token, and softmax takes it out again: rounding alone
            assert max(float(found.abs().max()) for found in (gradient, theirs_there)) < 1e-3
            continue
        assert float(gradient.norm()) > 0.0
        assert float((gradient - theirs_there).norm()) < ROUNDING * float(theirs_there.norm()), name


def in_peft(
    model: PreTrainedModel, module: Any, parts: list[AttachedModule], **settings: Any
) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    from peft import LoraConfig

    sites = module.sites(shape_of(model))
    config = LoraConfig(
        r=module.rank, lora_alpha=module.alpha, target_modules=paths(sites), lora_dropout=0.0, **settings
    )
    names = {"A": "lora_A.{}.weight", "B": "lora_B.{}.weight", "magnitude": "lora_magnitude_vector.{}.weight"}
    return with_weights(model, config, parts, names)


def shape_of(model: PreTrainedModel) -> Shape:
    return Shape(
        model.config.num_hidden_layers,
        model.config.hidden_size,
        model.config.intermediate_size,
        model.config.vocab_size,
    )


def paths(sites: Sequence[Site]) -> str:
    """Return a pattern of full names; a bare `output.dense` would name the attention's too."""
    return "(" + "|".join(re.escape(path_of(site.name)) for site in sites) + ")"


def with_weights(
    model: PreTrainedModel, config: Any, parts: list[AttachedModule], names: Mapping[str, str]
) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """Return a model of peft with the weights of parts, and its parameters that are the last part's."""
    from peft import get_peft_model

    peft_model = get_peft_model(model, config, adapter_name=parts[0].name)
    for part in parts[1:]:
        peft_model.add_adapter(part.name, config)
    peft_model.base_model.set_adapter([part.name for part in parts])
    for part in parts:
        peft_model.set_requires_grad(part.name, requires_grad=part.trainable)
    own = dict(peft_model.named_parameters())
    named = {}
    for part in parts:
        assert part.weights is not None
        for name, value in part.weights.items():
            site, kind = name.rsplit(".", 1)
            parameter = own[f"base_model.model.{path_of(site)}.{names[kind].format(part.name)}"]
            parameter.data.copy_(value.view_as(parameter))
            if part.trainable:
                named[name] = parameter
    return peft_model.eval(), named


LORA, DORA, IA3 = (modules.get(name) for name in ("lora", "dora", "ia3"))
EVERYWHERE = tuple(modules.LINEARS)
PATTERNS = (
    {"target": ("query",), "layers": "top-2", "rank": 5, "alpha": 2.0},
    {"target": ("output",), "layers": (1,), "rank": 2},
    {"layers": (0,), "rank": 0},
)
IN_PEFT = {
    "rank_pattern": {r"layer\.[23]\.attention\.self\.query": 5, r"layer\.1\.output\.dense": 2},
    "alpha_pattern": {r"layer\.[23]\.attention\.self\.query": 2.0},
}


@pytest.mark.parametrize("names", [["one"], ["inter", "target"]], ids=["single", "stack"])
@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (LORA(), {}),
        (LORA(rank=3, alpha=7.0, target=EVERYWHERE), {}),
        (LORA(rank=3, rslora=True), {"use_rslora": True}),
        (LORA(rank=3, patterns=PATTERNS), IN_PEFT),
        (LORA(rank=3, rslora=True, patterns=PATTERNS), {"use_rslora": True, **IN_PEFT}),
    ],
    ids=["query-value", "all", "rslora", "patterns", "rslora-patterns"],
)
def test_lora_is_pefts(
    model_of: ModelOf, padded: Padded, module: Module, settings: dict[str, Any], names: list[str]
) -> None:
    encoder = Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()
    parts = random_parts(encoder, module, names)
    model, named = in_peft(model_of(), module, parts, **settings)
    assert_rounded_alike(ours(encoder, parts, padded), theirs(model, padded, named))


DORAS = [
    (DORA(), {}),
    (DORA(rank=3, alpha=7.0, target=EVERYWHERE), {}),
    (DORA(rank=3, rslora=True, patterns=PATTERNS), {"use_rslora": True, **IN_PEFT}),
]


@pytest.mark.parametrize(("module", "settings"), DORAS, ids=["query-value", "all", "rslora-patterns"])
def test_dora_is_pefts(model_of: ModelOf, padded: Padded, module: Module, settings: dict[str, Any]) -> None:
    encoder = Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()
    parts = random_parts(encoder, module, ["one"])
    model, named = in_peft(model_of(), module, parts, use_dora=True, **settings)
    assert_same(ours(encoder, parts, padded), theirs(model, padded, named))


def ia3_in_peft(
    model: PreTrainedModel, module: Any, parts: list[AttachedModule]
) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    from peft import IA3Config

    sites = module.sites(shape_of(model))
    inner = [site for site in sites if site.place == modules.INNER]
    config = IA3Config(target_modules=paths(sites), feedforward_modules=paths(inner))
    return with_weights(model, config, parts, {"scale": "ia3_l.{}"})


IA3S = [IA3(), IA3(target=(*EVERYWHERE[:-1], modules.INNER)), IA3(layers="top-2")]


@pytest.mark.parametrize("module", IA3S, ids=["paper", "all", "top"])
def test_ia3_is_pefts(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()
    parts = random_parts(encoder, module, ["one"])
    model, named = ia3_in_peft(model_of(), module, parts)
    assert_same(ours(encoder, parts, padded), theirs(model, padded, named))


def test_a_stack_of_ia3_is_pefts(model_of: ModelOf, padded: Padded) -> None:
    """Up to rounding: peft multiplies the scales first, and what is scaled last."""
    encoder = Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()
    parts = random_parts(encoder, IA3(), ["inter", "target"])
    model, named = ia3_in_peft(model_of(), IA3(), parts)
    output, gradients = ours(encoder, parts, padded)
    expected, others = theirs(model, padded, named)
    torch.testing.assert_close(output, expected, atol=ROUNDING, rtol=ROUNDING)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, others[name].view_as(gradient), atol=1e-4, rtol=1e-4)


def stepped(forward: Callable[[], Tensor], parameters: Mapping[str, nn.Parameter], steps: int = 2) -> dict[str, Tensor]:
    """Return weights after some steps of AdamW."""
    optimiser = torch.optim.AdamW(list(parameters.values()), lr=0.01, weight_decay=0.0)
    for _ in range(steps):
        optimiser.zero_grad()
        forward().pow(3).sum().backward()
        optimiser.step()
    return {name: value.detach() for name, value in parameters.items()}


@pytest.mark.parametrize("module", [DORA(target=EVERYWHERE), IA3()], ids=["dora", "ia3"])
def test_two_steps_are_pefts(model_of: ModelOf, padded: Padded, module: Module) -> None:
    ids, lengths = padded
    encoder = Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()
    encoder.attach([AttachedModule("one", module, None, trainable=True)])
    # from fresh weights, which each of the two makes its own way but for A
    fresh = [AttachedModule("one", module, encoder.state("one"), trainable=True)]
    encoder.attach(fresh)
    start = encoder.state("one")
    trained = stepped(lambda: encoder(*padded), encoder.trained()["one"])
    if module.name == "dora":
        model, named = in_peft(model_of(), module, fresh, use_dora=True)
    else:
        model, named = ia3_in_peft(model_of(), module, fresh)
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    expected = stepped(lambda: model(input_ids=ids, attention_mask=mask).last_hidden_state, named)
    for name, value in trained.items():
        assert torch.equal(value, expected[name].view_as(value)), name
        assert not torch.equal(value, start[name]), name


def test_a_fresh_dora_has_pefts_magnitudes(model_of: ModelOf) -> None:
    from peft import LoraConfig, get_peft_model

    encoder = Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()
    encoder.attach([AttachedModule("one", DORA(), None, trainable=True)])
    config = LoraConfig(use_dora=True, target_modules=["query", "value"])
    theirs_fresh = get_peft_model(model_of(), config, adapter_name="one").state_dict()
    for name, value in encoder.state("one").items():
        if name.endswith("magnitude"):
            path = path_of(name.removesuffix(".magnitude"))
            assert torch.equal(value, theirs_fresh[f"base_model.model.{path}.lora_magnitude_vector.one.weight"])


def in_adapters(
    model: PreTrainedModel, module: Any, parts: list[AttachedModule]
) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    adapters = pytest.importorskip("adapters", reason="the extra `adapterhub` is not installed", exc_type=ImportError)
    config = {
        "pfeiffer": adapters.SeqBnConfig,
        "houlsby": adapters.DoubleSeqBnConfig,
        "parallel": adapters.ParBnConfig,
    }[module.placement](reduction_factor=module.reduction, non_linearity=module.activation)
    adapters.init(model)
    for part in parts:
        model.add_adapter(part.name, config=config)
    model.train_adapter(parts[-1].name)
    model.set_active_adapters(adapters.Stack(*(part.name for part in parts)))
    own = dict(model.named_parameters())
    suffix = {
        "down": "adapter_down.0.weight",
        "down_bias": "adapter_down.0.bias",
        "up": "adapter_up.weight",
        "up_bias": "adapter_up.bias",
    }
    named = {}
    for part in parts:
        assert part.weights is not None
        for name, value in part.weights.items():
            site, matrix = name.rsplit(".", 1)
            parameter = own[f"{path_of(site)}.adapters.{part.name}.{suffix[matrix]}"]
            assert parameter.shape == value.shape
            parameter.data.copy_(value)
            if part.trainable:
                named[name] = parameter
    return model.eval(), named


@pytest.mark.parametrize(
    ("placement", "names"),
    [
        ("pfeiffer", ["one"]),
        ("houlsby", ["one"]),
        ("parallel", ["one"]),
        ("pfeiffer", ["inter", "target"]),
        # a stack of two parallel ones in adapters lets only the last take part; ours adds both
        ("houlsby", ["inter", "target"]),
    ],
)
@pytest.mark.parametrize("activation", ["relu", "swish"])
def test_bottleneck_is_adapters(
    model_of: ModelOf, padded: Padded, placement: str, names: list[str], activation: str
) -> None:
    same_as_adapters(model_of, padded, names, placement=placement, activation=activation)


@pytest.mark.parametrize("activation", get_args(Activation))
def test_activations_are_adapters(model_of: ModelOf, padded: Padded, activation: str) -> None:
    same_as_adapters(model_of, padded, ["one"], activation=activation)


def same_as_adapters(model_of: ModelOf, padded: Padded, names: list[str], **settings: str) -> None:
    module = modules.get("bottleneck")(reduction=5, **settings)
    encoder = Encoder.from_model(copy.deepcopy(model_of()), clock=DropoutClock(0)).eval()
    parts = random_parts(encoder, module, names)
    model, named = in_adapters(model_of(), module, parts)
    assert_same(ours(encoder, parts, padded), theirs(model, padded, named))


FUSION = {"query": "query.weight", "query_bias": "query.bias", "key": "key.weight", "key_bias": "key.bias"}


def fused_in_adapters(
    model: PreTrainedModel, module: Any, members: list[AttachedModule], mixed: Mapping[str, Tensor]
) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """Return the model with an AdapterFusion of those weights; their value matrix is our I + V."""
    model, _ = in_adapters(model, module, members)
    import adapters

    fuse = adapters.Fuse(*(part.name for part in members))
    model.add_adapter_fusion(fuse, "dynamic")
    model.train_adapter_fusion(fuse)
    own = dict(model.named_parameters())
    named = {}
    for name, value in mixed.items():
        site, matrix = name.rsplit(".", 1)
        fusion = f"{path_of(site)}.adapter_fusion_layer.{','.join(fuse.children)}"
        parameter = own[f"{fusion}.{FUSION.get(matrix, 'value.weight')}"]
        parameter.data.copy_(torch.eye(len(value)) + value if matrix == "value" else value)
        named[name] = parameter
    assert {id(one) for one in own.values() if one.requires_grad} == {id(one) for one in named.values()}
    return model.eval(), named


def without_residual(model: nn.Module) -> None:
    """Let AdapterFusion add nothing but the mix."""
    from adapters.methods.modeling import BertFusion

    def drop(
        block: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (*inputs[:3], torch.zeros_like(inputs[3])), named

    for block in model.modules():
        if isinstance(block, BertFusion):
            block.register_forward_pre_hook(drop, with_kwargs=True)


@pytest.mark.parametrize("placement", ["pfeiffer", "houlsby", "parallel"])
def test_fusion_is_adapters(model_of: ModelOf, padded: Padded, placement: str) -> None:
    module = modules.get("bottleneck")(placement=placement, reduction=5)
    encoder = Encoder.from_model(copy.deepcopy(model_of()), clock=DropoutClock(0)).eval()
    members = [replace(part, trainable=False) for part in random_parts(encoder, module, ["one", "two", "three"])]
    mix = Mix("mix", mixers.get("attention")(), tuple(members), None, trainable=True)
    encoder.attach([mix])
    generator = torch.Generator().manual_seed(9)
    weights = {
        name: value + torch.randn(value.shape, generator=generator) * 0.2
        for name, value in encoder.state("mix").items()
    }
    model, named = fused_in_adapters(model_of(), module, members, weights)
    if placement == "parallel":
        # adapters adds the residual connection twice here: the fusion does, and the adapter behind it does again
        encoder.attach([replace(mix, weights=weights)])
        assert not torch.allclose(run(model, padded), encoder(*padded), atol=0.1)
        without_residual(model)
    mine = [replace(mix, weights=weights)]
    assert_rounded_alike(ours(encoder, mine, padded), theirs(model, padded, named))
    # I + V and V move alike, but for the rounding of 1 + v
    optimisers = [
        torch.optim.AdamW(one.values(), lr=1e-3, weight_decay=0.0) for one in (encoder.trained()["mix"], named)
    ]
    for _ in range(2):
        for optimiser, again in zip(optimisers, (lambda: encoder(*padded), lambda: run(model, padded)), strict=True):
            optimiser.zero_grad()
            again().pow(3).sum().backward()
            optimiser.step()
    state = encoder.state("mix")
    back = {
        name: value.detach() - torch.eye(len(value)) if name.endswith(".value") else value.detach().clone()
        for name, value in named.items()
    }
    for name, value in state.items():
        assert not torch.equal(value, weights[name])
        if not name.endswith("key_bias"):  # AdamW makes large steps of the smallest gradients
            torch.testing.assert_close(value, back[name], atol=ROUNDING, rtol=0)
    encoder.attach([replace(mix, weights=back)])
    torch.testing.assert_close(encoder(*padded), run(model, padded), atol=ROUNDING, rtol=0)
