from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
from tests.fingerprint import fingerprint
from tests.tolerances import ROUNDING
from torch import Tensor
from transformers import PreTrainedModel

from layover import compositions, modules
from layover.compositions import AttachedModule
from layover.encoder import DropoutClock, Encoder
from layover.errors import ModelError
from layover.families import family_of
from layover.modules import Module

ModelOf = Callable[..., PreTrainedModel]
Padded = tuple[Tensor, Tensor]

SETTINGS: list[Module] = [
    *(modules.get(name)() for name in modules.names()),
    modules.get("lora")(target=("key", "attention_output", "intermediate", "output"), layers="top-2", rank=3),
    modules.get("lora")(
        layers=(2, 3), rslora=True, patterns=[{"rank": 3}, {"target": ["output"], "layers": [1], "rank": 2}]
    ),
    modules.get("dora")(target=("value", "output"), layers="top-2", rank=3, alpha=4),
    modules.get("ia3")(target=("query", "intermediate", "inner"), layers=(1, 2)),
    modules.get("bottleneck")(placement="houlsby", activation="swish", layers=(1, 3)),
    modules.get("bottleneck")(placement="parallel", reduction=2, activation="gelu"),
]
TRAINING = [module for module in SETTINGS if module.trains_encoder]
ADDED = [module for module in TRAINING if not module.whole]
STACKING = [module for module in ADDED if not module.alone]


def label(module: Module) -> str:
    return f"{module.name}-{module.model_dump().get('placement', '')}{module.model_dump().get('layers', '')}"


def encoder_of(model: PreTrainedModel, *, dropout: float = 0.0, seed: int = 5) -> Encoder:
    return Encoder.from_model(model, clock=DropoutClock(seed), dropout=dropout).eval()


def random_weights(encoder: Encoder, module: Module, seed: int) -> dict[str, Tensor]:
    """Return weights that change something."""
    encoder.attach([AttachedModule("any", module, None, trainable=True)])
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(value.shape, generator=generator) * 0.1 for name, value in encoder.state("any").items()}


def attention(lengths: Tensor, longest: int) -> Tensor:
    return (torch.arange(longest) < lengths[:, None]).long()


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("attn", ["sdpa", "eager"])
def test_forward_equals_transformers(model_of: ModelOf, padded: Padded, kind: str, attn: str) -> None:
    ids, lengths = padded
    if kind == "bert":
        ids = ids.masked_fill(ids == 1, 0)
    reference = model_of(kind, attn_implementation=attn)
    encoder = encoder_of(copy.deepcopy(reference))
    with torch.no_grad():
        expected = reference(ids, attention_mask=attention(lengths, 17)).last_hidden_state
        unpadded = reference(ids[:1]).last_hidden_state
        found = encoder(ids, lengths)
        real = attention(lengths, 17).bool()
        torch.testing.assert_close(found[real], expected[real], atol=ROUNDING, rtol=0)
        assert not found[~real].any()
        alone = encoder(ids[:1], lengths[:1])
        torch.testing.assert_close(alone, unpadded, atol=0 if attn == "sdpa" else ROUNDING, rtol=0)
        torch.testing.assert_close(encoder(ids, lengths, first=True)[:, 0], expected[:, 0], atol=ROUNDING, rtol=0)


def test_segments_reach_the_embeddings(model_of: ModelOf, padded: Padded) -> None:
    ids, lengths = padded
    ids = ids.masked_fill(ids == 1, 0)
    segments = (torch.arange(17) > 4).long().expand(3, 17)
    reference = model_of("bert")
    encoder = encoder_of(copy.deepcopy(reference))
    with torch.no_grad():
        expected = reference(ids, attention_mask=attention(lengths, 17), token_type_ids=segments).last_hidden_state
    real = attention(lengths, 17).bool()
    torch.testing.assert_close(encoder(ids, lengths, segments)[real], expected[real], atol=ROUNDING, rtol=0)
    assert not torch.allclose(encoder(ids, lengths)[real], expected[real], atol=1e-2)


def test_the_configs_dropout_never_acts(model_of: ModelOf, padded: Padded) -> None:
    ids, lengths = padded
    quiet = encoder_of(model_of())
    loud = encoder_of(model_of(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)).train()
    loud.attach([AttachedModule("target", modules.get("full")(), None, trainable=True)])
    assert torch.equal(loud(ids, lengths), quiet(ids, lengths))


@pytest.mark.parametrize("module", SETTINGS, ids=label)
def test_fresh_changes_nothing(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of())
    frozen = encoder(*padded)
    before = torch.random.get_rng_state()
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(encoder(*padded), frozen)


@pytest.mark.parametrize("module", ADDED, ids=label)
def test_fresh_changes_nothing_in_bfloat16(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of())
    # without gradients, for attention has another kernel where they are kept
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        frozen = encoder(*padded)
        encoder.attach([AttachedModule("target", module, None, trainable=True)])
        assert torch.equal(encoder(*padded), frozen)
        encoder.attach([AttachedModule("target", module, random_weights(encoder, module, 1), trainable=True)])
        assert not torch.equal(encoder(*padded), frozen)


@pytest.mark.parametrize("module", SETTINGS, ids=label)
def test_frozen_layers_and_top_are_the_whole(model_of: ModelOf, padded: Padded, module: Module) -> None:
    ids, lengths = padded
    encoder = encoder_of(model_of())
    encoder.attach([AttachedModule("target", module, random_weights(encoder, module, 1), trainable=True)])
    changed = module.layers_of(encoder.num_layers)
    assert encoder.lowest == (changed[0] if changed else encoder.num_layers)
    hidden = encoder.frozen_states(ids, lengths)
    assert hidden.requires_grad == (module.whole)
    assert torch.equal(encoder.top(hidden.clone(), lengths), encoder(ids, lengths))


@pytest.mark.parametrize("module", SETTINGS, ids=label)
def test_state_attaches_to_the_same_outputs(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of())
    frozen = encoder(*padded)
    encoder.attach([AttachedModule("target", module, random_weights(encoder, module, 1), trainable=True)])
    expected, state = encoder(*padded), encoder.state("target")
    assert module.name == "none" or not torch.equal(expected, frozen)
    other = encoder_of(model_of())
    other.attach([AttachedModule("elsewhere", module, state, trainable=False)])
    assert torch.equal(other(*padded), expected)
    assert not other.trained()
    assert all(torch.equal(value, state[name]) for name, value in other.state("elsewhere").items())


@pytest.mark.parametrize("module", SETTINGS, ids=label)
def test_only_what_is_named_trains(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of(), dropout=0.1).train()
    encoder.clock.set(0, torch.arange(3))
    encoder.attach([AttachedModule("target", module, None, trainable=True)])
    trained = list(encoder.trained()["target"].values())
    embeddings = sum(value.numel() for value in encoder.model.get_submodule("embeddings").parameters())
    assert sum(value.numel() for value in trained) == module.parameter_count(encoder.shape, embeddings=embeddings)
    before, weights = fingerprint(encoder), [value.detach().clone() for value in trained]
    if trained:
        optimiser = torch.optim.AdamW(trained, lr=0.1)
        for _ in range(2):
            encoder(*padded).square().sum().backward()
            optimiser.step()
    graded = {id(value) for value in encoder.parameters() if value.grad is not None}
    assert graded == {id(value) for value in trained}
    assert all(not torch.equal(old, new) for old, new in zip(weights, trained, strict=True))
    assert fingerprint(encoder) == before


@pytest.mark.parametrize("module", STACKING, ids=label)
@pytest.mark.parametrize("target", STACKING, ids=label)
def test_stack_starts_as_the_intermediate(model_of: ModelOf, padded: Padded, module: Module, target: Module) -> None:
    encoder = encoder_of(model_of())
    weights = random_weights(encoder, module, 2)
    done = AttachedModule("intermediate", module, weights, trainable=False)
    encoder.attach([done])
    expected = encoder(*padded)
    encoder.attach(compositions.get("stack")().attachments(target, [done], shape=encoder.shape, seed=1))
    assert torch.equal(encoder(*padded), expected)
    assert list(encoder.trained()) == ["target"]
    encoder(*padded).square().sum().backward()
    assert {id(value) for value in encoder.parameters() if value.grad is not None} == {
        id(value) for value in encoder.trained()["target"].values()
    }
    assert all(torch.equal(value, weights[name]) for name, value in encoder.state("intermediate").items())


@pytest.mark.parametrize("module", TRAINING, ids=label)
def test_warm_starts_as_the_intermediate(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of())
    done = AttachedModule("intermediate", module, random_weights(encoder, module, 2), trainable=False)
    encoder.attach([done])
    expected = encoder(*padded)
    encoder.attach(compositions.get("warm")().attachments(module, [done], shape=encoder.shape, seed=1))
    assert torch.equal(encoder(*padded), expected)
    assert list(encoder.trained()) == ["target"]


def test_fresh_weights_depend_on_seed_position_and_site_only(model_of: ModelOf) -> None:
    encoder = encoder_of(model_of())
    lora = modules.get("lora")

    def fresh(seed: int, **settings: object) -> dict[str, Tensor]:
        encoder.clock.seed = seed
        encoder.attach([AttachedModule("target", lora(**settings), None, trainable=True)])
        return encoder.state("target")

    whole, top = fresh(1), fresh(1, layers="top-2")
    assert set(top) < set(whole)
    assert all(torch.equal(value, whole[name]) for name, value in top.items())
    assert not torch.equal(fresh(2)["layers.0.query.A"], whole["layers.0.query.A"])
    assert not torch.equal(whole["layers.1.query.A"], whole["layers.0.query.A"])
    done = AttachedModule("intermediate", lora(), whole, trainable=False)
    encoder.clock.seed = 1
    encoder.attach(compositions.get("stack")().attachments(lora(), [done], shape=encoder.shape, seed=1))
    assert not torch.equal(encoder.state("target")["layers.0.query.A"], whole["layers.0.query.A"])


def test_padding_micro_batch_and_order_do_not_matter(model_of: ModelOf, padded: Padded) -> None:
    ids, lengths = padded
    encoder = encoder_of(model_of(), dropout=0.2).train()
    module = modules.get("bottleneck")(layers="top-3")
    encoder.attach([AttachedModule("target", module, random_weights(encoder, module, 1), trainable=True)])
    rows = torch.tensor([40, 7, 3_000_000])
    encoder.clock.set(11, rows)
    together = encoder(ids, lengths)
    assert encoder(ids, lengths).equal(together)
    for index, length in enumerate(lengths.tolist()):
        encoder.clock.set(11, rows[index : index + 1])
        alone = encoder(ids[index : index + 1, :length], lengths[index : index + 1])
        torch.testing.assert_close(alone[0], together[index, :length], atol=ROUNDING, rtol=0)
    encoder.clock.set(12, rows)
    assert not torch.allclose(encoder(ids, lengths), together, atol=1e-2)


def test_frozen_layers_have_no_dropout(model_of: ModelOf, padded: Padded) -> None:
    encoder = encoder_of(model_of(), dropout=0.5)
    encoder.attach([AttachedModule("target", modules.get("lora")(layers=(2, 3)), None, trainable=True)])
    quiet = encoder.frozen_states(*padded)
    encoder.train().clock.set(0, torch.arange(3))
    assert torch.equal(encoder.frozen_states(*padded), quiet)
    assert not torch.equal(encoder.top(quiet, padded[1]), encoder.eval().top(quiet, padded[1]))


@pytest.mark.parametrize("module", TRAINING, ids=label)
def test_checkpointing_is_exact(model_of: ModelOf, padded: Padded, module: Module) -> None:
    encoder = encoder_of(model_of(), dropout=0.1).train()
    encoder.clock.set(4, torch.arange(3))
    encoder.attach([AttachedModule("target", module, random_weights(encoder, module, 1), trainable=True)])
    found = []
    for on in (False, True):
        encoder.gradient_checkpointing(on)
        encoder.zero_grad()
        output = encoder(*padded)
        output.square().sum().backward()
        found.append([output.detach(), *(value.grad.clone() for value in encoder.trained()["target"].values())])
    assert all(torch.equal(plain, again) for plain, again in zip(*found, strict=True))


def test_attach_again_replaces(model_of: ModelOf, padded: Padded) -> None:
    encoder = encoder_of(model_of())
    frozen = encoder(*padded)
    lora = modules.get("lora")()
    encoder.attach([AttachedModule("a", lora, random_weights(encoder, lora, 1), trainable=True)])
    encoder.attach([])
    assert torch.equal(encoder(*padded), frozen)
    assert encoder.lowest == encoder.num_layers
    assert not encoder.trained()


def test_what_cannot_be_attached(model_of: ModelOf) -> None:
    encoder = encoder_of(model_of())
    lora, full = modules.get("lora")(), modules.get("full")()
    good = random_weights(encoder, lora, 1)
    with pytest.raises(ModelError, match=r"'layers.0.query.A' is missing"):
        encoder.attach([AttachedModule("a", lora, {}, trainable=True)])
    with pytest.raises(ModelError, match=r"the weight 'layers.9.query.A' is unexpected"):
        encoder.attach(
            [AttachedModule("a", lora, {**good, "layers.9.query.A": good["layers.0.query.A"]}, trainable=True)]
        )
    with pytest.raises(ModelError, match=r"'layers.0.query.A' has the shape \(8, 48\), but \(4, 48\) is expected"):
        encoder.attach([AttachedModule("a", modules.get("lora")(rank=4), good, trainable=True)])
    with pytest.raises(ModelError, match="two modules have the name 'a'"):
        encoder.attach([AttachedModule("a", lora, good, trainable=True)] * 2)
    with pytest.raises(ModelError, match="frozen and has no weights"):
        encoder.attach([AttachedModule("a", lora, None, trainable=False)])
    with pytest.raises(ModelError, match="layer 9 does not exist"):
        encoder.attach([AttachedModule("a", modules.get("lora")(layers=(9,)), None, trainable=True)])
    encoder.attach([AttachedModule("target", lora, good, trainable=True)])
    with pytest.raises(ModelError, match="did you mean 'target'"):
        encoder.state("targt")
    encoder.attach([AttachedModule("a", full, None, trainable=True)])
    with pytest.raises(ModelError, match="load the encoder again"):
        encoder.attach([AttachedModule("a", lora, good, trainable=True)])


def test_a_refused_attach_leaves_the_encoder_as_it_was(model_of: ModelOf, padded: Padded) -> None:
    encoder = encoder_of(model_of())
    lora = modules.get("lora")()
    encoder.attach([AttachedModule("a", lora, random_weights(encoder, lora, 1), trainable=True)])
    expected = encoder(*padded)
    with pytest.raises(ModelError):
        encoder.attach([AttachedModule("b", lora, {}, trainable=True)])
    assert torch.equal(encoder(*padded), expected)
    assert list(encoder.trained()) == ["a"]


def test_full_weights_under_a_module(model_of: ModelOf, padded: Padded) -> None:
    encoder, other = encoder_of(model_of(seed=0)), encoder_of(model_of(seed=1))
    full, lora = modules.get("full")(), modules.get("lora")()
    weights = dict(other.model.named_parameters())
    parts = [
        AttachedModule("base", full, weights, trainable=False),
        AttachedModule("target", lora, None, trainable=True),
    ]
    encoder.attach(parts)
    assert torch.equal(encoder(*padded), other(*padded))
    assert list(encoder.trained()) == ["target"]
    encoder.attach([dataclasses.replace(parts[0], name="again")])


def test_too_long_inputs_and_foreign_types_are_refused(model_of: ModelOf) -> None:
    encoder = encoder_of(model_of())
    assert encoder.max_length == 64
    with pytest.raises(ModelError, match="65 tokens, but this encoder has 64"):
        encoder(torch.full((1, 65), 5), torch.tensor([65]))
    encoder(torch.full((1, 64), 5), torch.tensor([64]))
    with pytest.raises(ModelError, match="supported: bert, camembert, roberta, xlm-roberta"):
        family_of("gpt2")
    with pytest.raises(ModelError, match="this is a decoder"):
        encoder_of(model_of("bert", is_decoder=True))


def test_camembert_has_the_same_points(padded: Padded) -> None:
    from transformers import CamembertConfig, CamembertModel

    config = CamembertConfig(
        vocab_size=200, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96
    )
    reference = CamembertModel(config, add_pooling_layer=False).eval()
    encoder = encoder_of(copy.deepcopy(reference))
    encoder.attach([AttachedModule("target", modules.get("bottleneck")(), None, trainable=True)])
    ids, lengths = padded
    with torch.no_grad():
        expected = reference(ids, attention_mask=attention(lengths, 17)).last_hidden_state
    real = attention(lengths, 17).bool()
    torch.testing.assert_close(encoder(ids, lengths)[real], expected[real], atol=ROUNDING, rtol=0)
