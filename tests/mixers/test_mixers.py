"""One contract for every mixer found on disk, on every kind of module that it can mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from tests.fingerprint import fingerprint
from tests.tiny import tiny_model
from torch import Tensor
from transformers import PreTrainedModel

from layover import compositions, mixers, modules
from layover.compositions import AttachedModule, Attachment, Mix
from layover.encoder import DropoutClock, Encoder, MixingWeights
from layover.mixers import Mixer
from layover.modules import LINEARS, Module, Site
from layover.shape import Shape

HIDDEN, LENGTHS = 48, (17, 9, 5)
SITE = Site(layer=3, place="intermediate", inputs=6, outputs=10, num_layers=4)
BASE = Shape(layers=12, hidden=768, intermediate=3072, vocabulary=250_002)
LEARNED = [mixers.get(name)() for name in mixers.names() if mixers.get(name).learned]
LORA, ALL_MAPS = modules.get("lora")(), modules.get("lora")(rank=3, target=tuple(LINEARS))
MODULES = [ALL_MAPS, *(modules.get("bottleneck")(placement=name) for name in ("pfeiffer", "houlsby", "parallel"))]

every_mixer = pytest.mark.parametrize("mixer", LEARNED, ids=lambda mixer: mixer.name)
every_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: f"{module.name}-{module.model_dump().get('placement', '')}"
)


def model_of() -> PreTrainedModel:
    return tiny_model(vocabulary=200, hidden=HIDDEN, attention_heads=4, inner=96, positions=66)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder.from_model(model_of(), clock=DropoutClock(0)).eval()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    lengths = torch.tensor(LENGTHS)
    ids = torch.randint(4, 200, (3, 17), generator=torch.Generator().manual_seed(7))
    return ids.masked_fill(torch.arange(17) >= lengths[:, None], 1), lengths


def random_like(weights: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(value.shape, generator=generator) * 0.1 for name, value in weights.items()}


def finished(encoder: Encoder, module: Module, count: int) -> list[AttachedModule]:
    """Return so many intermediates that change something."""
    encoder.attach([AttachedModule("any", module, None, trainable=True)])
    fresh = encoder.state("any")
    return [
        AttachedModule(f"intermediate.{place}", module, random_like(fresh, place), trainable=False)
        for place in range(count)
    ]


def mix_of(encoder: Encoder, mixer: Mixer, members: list[AttachedModule]) -> Mix:
    """Return a mix whose weights are random, so that it takes of each member something else."""
    mix = Mix("mix", mixer, tuple(members), None, trainable=True)
    encoder.attach([mix])
    return replace(mix, weights=random_like(encoder.state("mix"), 9))


def at_site(mixer: Mixer, count: int, seed: int = 1) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return what modules read, what they would add, and fresh weights of the mixer."""
    generator = torch.Generator().manual_seed(seed)
    seen, deltas = (torch.randn(2, 5, *size, generator=generator) for size in ((6,), (count, 10)))
    return seen, deltas, mixer.initialise(SITE, count, generator)


@pytest.mark.parametrize("name", mixers.names())
def test_settings(name: str) -> None:
    mixer = mixers.get(name)()
    assert mixer.name == name
    assert mixers.get(name).model_validate(mixer.model_dump(mode="json")) == mixer
    assert hash(mixer) == hash(mixers.get(name)())
    with pytest.raises(ValidationError, match="Extra inputs"):
        mixers.get(name).model_validate({"no_such_setting": 1})


@every_mixer
def test_weights_and_shapes(mixer: Mixer) -> None:
    seen, deltas, weights = at_site(mixer, 4)
    assert {name: tuple(value.shape) for name, value in weights.items()} == mixer.weights(SITE, 4)
    assert sum(value.numel() for value in weights.values()) == mixer.parameter_count((SITE,), 4)
    again = at_site(mixer, 4)[2]
    assert all(torch.equal(value, again[name]) for name, value in weights.items())
    for found in (weights, random_like(weights, 3)):
        shares = mixer.mixing_weights(SITE, seen, deltas, found)
        assert shares.shape == (2, 5, 4)
        assert bool((shares >= 0).all())
        torch.testing.assert_close(shares.sum(-1), torch.ones(2, 5))
        assert mixer.mixed(shares, deltas, found).shape == (2, 5, 10)


@every_mixer
def test_one_module_is_taken_whole(mixer: Mixer) -> None:
    seen, deltas, weights = at_site(mixer, 1)
    shares = mixer.mixing_weights(SITE, seen, deltas, weights)
    assert torch.equal(shares, torch.ones(2, 5, 1))
    # a fresh value matrix of AdapterFusion is 1e-6 off the diagonal
    torch.testing.assert_close(mixer.mixed(shares, deltas, weights), deltas[:, :, 0], atol=1e-4, rtol=0)


@every_mixer
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_the_order_of_modules_means_nothing(mixer: Mixer, order: tuple[int, ...]) -> None:
    seen, deltas, fresh = at_site(mixer, 3)
    weights = random_like(fresh, 3)
    sizes, other = mixer.weights(SITE, 3), mixer.weights(SITE, 5)
    # a weight that has one entry per module is as long as there are modules
    moved = {name: value if sizes[name] == other[name] else value[list(order)] for name, value in weights.items()}
    shares, again = (
        mixer.mixing_weights(SITE, seen, deltas, weights),
        mixer.mixing_weights(SITE, seen, deltas[:, :, list(order)], moved),
    )
    torch.testing.assert_close(again, shares[:, :, list(order)])
    torch.testing.assert_close(
        mixer.mixed(again, deltas[:, :, list(order)], moved), mixer.mixed(shares, deltas, weights)
    )


@pytest.mark.parametrize("name", ["attention", "low_rank"])
def test_loras_are_mixed_at_each_linear_map(encoder: Encoder, batch: tuple[Tensor, Tensor], name: str) -> None:
    mixer = mixers.get(name)()
    members = finished(encoder, ALL_MAPS, 3)
    mix = mix_of(encoder, mixer, members)
    encoder.attach([mix])
    known = {}
    paths = {"query": "attention.self.query", "intermediate": "intermediate.dense", "output": "output.dense"}
    for place, path in paths.items():
        layer = encoder.layers[1].get_submodule(path)
        layer.register_forward_hook(lambda one, x, y, place=place: known.__setitem__(place, (x[0], y, one)))
    with torch.no_grad():
        encoder(*batch)
    for place, (x, y, frozen) in known.items():
        w = {key.rsplit(".", 1)[1]: value for key, value in mix.weights.items() if f"layers.1.{place}." in key}
        ab = [[part.weights[f"layers.1.{place}.{matrix}"] for matrix in "AB"] for part in members]
        deltas = [x @ a.T @ b.T * 16 / 3 for a, b in ab]
        query = x @ w["query"].T + w["query_bias"]
        if name == "attention":
            scores = [((d @ w["key"].T + w["key_bias"]) * query).sum(-1) for d in deltas]
            value = torch.eye(len(w["value"])) + w["value"]
        else:
            scores = [(d @ w["key"].T * query).sum(-1) * (y.shape[-1] / 8) ** 0.5 for d in deltas]
            value = torch.eye(y.shape[-1]) + w["U"] @ w["V"]
        shares = torch.stack(scores).softmax(0)
        mixed = sum(share[..., None] * (delta @ value.T) for share, delta in zip(shares, deltas, strict=True))
        torch.testing.assert_close(y, x @ frozen.weight.T + frozen.bias + mixed, atol=1e-4, rtol=1e-4)


def test_scores_of_a_low_rank_spread_as_those_of_attention() -> None:
    site = Site(0, "query", 768, 768, 12)
    generator = torch.Generator().manual_seed(0)
    seen, deltas = (torch.randn(4, 50, *size, 768, generator=generator) * 0.1 for size in ((), (6,)))

    def spread(mixer: Mixer) -> float:
        draws = []
        for seed in range(10):
            weights = mixer.initialise(site, 6, torch.Generator().manual_seed(seed))
            logs = mixer.mixing_weights(site, seen, deltas, weights).log()
            draws.append((logs - logs.mean(-1, keepdim=True)).std())
        return float(torch.stack(draws).mean())

    expected = spread(mixers.get("attention")())
    for rank in (4, 8, 32):
        assert spread(mixers.get("low_rank")(rank=rank)) == pytest.approx(expected, rel=0.15)


def test_gated_starts_as_an_equal_merge(encoder: Encoder, batch: tuple[Tensor, Tensor]) -> None:
    members = finished(encoder, ALL_MAPS, 3)
    merge = compositions.get("merge")(on_top="none")
    encoder.attach(merge.attachments(ALL_MAPS, members, shape=encoder.shape, seed=1))
    merged = encoder(*batch)
    encoder.attach([Mix("mix", mixers.get("gated")(), tuple(members), None, trainable=True)])
    torch.testing.assert_close(encoder(*batch), merged, atol=1e-4, rtol=0)
    encoder.attach(members[:1])
    assert not torch.allclose(encoder(*batch), merged, atol=0.1)


@every_mixer
@every_module
@pytest.mark.parametrize("own", [False, True], ids=["", "own"])
def test_only_the_mixer_and_the_own_module_train(
    encoder: Encoder, batch: tuple[Tensor, Tensor], mixer: Mixer, module: Module, own: bool
) -> None:
    fuse = compositions.get("fuse")(mixer=mixer.name, own=own)
    pieces: list[Attachment] = fuse.attachments(module, finished(encoder, module, 2), shape=encoder.shape, seed=1)
    encoder.attach(pieces)
    trained = {f"{part} {name}": one for part, found in encoder.trained().items() for name, one in found.items()}
    assert set(encoder.trained()) == ({"mix", "target"} if own else {"mix"})
    count = fuse.extra_parameters(module, 2, encoder.shape)
    assert sum(one.numel() for one in encoder.trained()["mix"].values()) == count
    frozen, before = fingerprint(encoder), {name: one.detach().clone() for name, one in trained.items()}
    optimiser = torch.optim.AdamW(trained.values(), lr=1e-2)
    for _ in range(2):
        encoder(*batch).pow(3).sum().backward()
        optimiser.step()
    assert {id(one) for one in encoder.parameters() if one.grad is not None} == {id(one) for one in trained.values()}
    assert all(not torch.equal(one, before[name]) for name, one in trained.items())
    assert fingerprint(encoder) == frozen


@every_mixer
@every_module
def test_checkpointing_is_exact_and_bf16_is_close(
    encoder: Encoder, batch: tuple[Tensor, Tensor], mixer: Mixer, module: Module
) -> None:
    encoder.attach([mix_of(encoder, mixer, finished(encoder, module, 2))])
    found = []
    for on in (False, True):
        encoder.gradient_checkpointing(on)
        encoder.zero_grad()
        output = encoder(*batch)
        output.square().sum().backward()
        found.append([output.detach(), *(one.grad.clone() for one in encoder.trained()["mix"].values())])
    assert all(torch.equal(plain, again) for plain, again in zip(*found, strict=True))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        half = encoder(*batch).float()
    real = torch.arange(17) < batch[1][:, None]
    assert float((half - found[0][0])[real].norm() / found[0][0][real].norm()) < 0.05


def test_an_own_module_and_the_mixer_start_from_other_numbers(encoder: Encoder) -> None:
    module = modules.get("bottleneck")()
    fuse = compositions.get("fuse")(own=True)
    encoder.attach(fuse.attachments(module, finished(encoder, module, 1), shape=encoder.shape, seed=1))
    down, query = (
        encoder.state("target")["layers.0.feedforward.down"],
        encoder.state("mix")["layers.0.feedforward.query"],
    )
    assert not torch.equal(down, query[: len(down)])


@every_mixer
def test_shares_are_watched_over_real_tokens(encoder: Encoder, batch: tuple[Tensor, Tensor], mixer: Mixer) -> None:
    encoder.attach([mix_of(encoder, mixer, finished(encoder, LORA, 3))])
    plain = encoder(*batch)
    together, alone = MixingWeights(), MixingWeights()
    with encoder.watch.into(together):
        assert torch.equal(encoder(*batch), plain)
    ids, lengths = batch
    for row, length in enumerate(LENGTHS):
        with encoder.watch.into(alone):
            encoder(ids[row : row + 1, :length], lengths[row : row + 1])
    found, expected = together.as_json(), alone.as_json()
    assert found["tokens"] == expected["tokens"] == sum(LENGTHS)
    assert set(found["sites"]) == {f"layers.{layer}.{place}" for layer in (0, 1) for place in ("query", "value")}
    for site, shares in found["sites"].items():
        assert sum(shares) == pytest.approx(1)
        assert shares == pytest.approx(expected["sites"][site], abs=1e-5)
        assert max(shares) - min(shares) > 1e-3


def test_a_pass_that_fails_or_mixes_nothing_adds_no_shares(encoder: Encoder, batch: tuple[Tensor, Tensor]) -> None:
    shares = MixingWeights()
    with encoder.watch.into(shares):
        encoder(*batch)
    encoder.attach([mix_of(encoder, mixers.get("gated")(), finished(encoder, LORA, 2))])

    def fails() -> None:
        with encoder.watch.into(shares):
            encoder(*batch)
            raise MemoryError

    with pytest.raises(MemoryError):
        fails()
    encoder(*batch)
    assert shares.as_json() == {"tokens": 0, "sites": {}}


COUNTS: list[tuple[str, Callable[[], Module], int]] = [
    ("attention", modules.get("bottleneck"), 21_252_096),  # 21.3 M, as published
    ("attention", lambda: LORA, 42_504_192),
    ("attention", lambda: modules.get("lora")(target=tuple(LINEARS)), 382_371_840),
    ("low_rank", modules.get("bottleneck"), 295_008),
    ("low_rank", lambda: LORA, 590_016),
    ("low_rank", lambda: modules.get("lora")(target=tuple(LINEARS)), 2_654_784),
    ("gated", lambda: LORA, 72),
]


@pytest.mark.parametrize(("mixer", "module", "count"), COUNTS)
def test_parameters_on_xlm_r_base(mixer: str, module: Callable[[], Module], count: int) -> None:
    assert compositions.get("fuse")(mixer=mixer).extra_parameters(module(), 3, BASE) == count


@every_mixer
@every_module
def test_what_a_training_keeps_for_a_mix(
    encoder: Encoder, batch: tuple[Tensor, Tensor], mixer: Mixer, module: Module
) -> None:
    members = finished(encoder, module, 12)

    def kept(count: int) -> int:
        """Return the numbers per token that autograd keeps, weights left out."""
        encoder.attach([Mix("mix", mixer, tuple(members[:count]), None, trainable=True)])
        weights = {one.untyped_storage().data_ptr() for one in encoder.parameters()}
        found: dict[int, Tensor] = {}

        def keep(one: Tensor) -> Tensor:
            found[one.untyped_storage().data_ptr()] = one
            return one

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
            encoder(*batch)
        size = sum(one.untyped_storage().nbytes() for place, one in found.items() if place not in weights)
        return size // 4 // sum(LENGTHS)

    sites = module.sites(encoder.shape)
    expected = sum(mixer.kept(site, 12) - mixer.kept(site, 4) for site in sites)
    own = sum(8 * min(size[0] for size in module.weights(site).values()) for site in sites)
    assert expected <= kept(12) - kept(4) < 1.1 * expected + 4 * own
