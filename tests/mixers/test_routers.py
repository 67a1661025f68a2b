"""Routers against their formulas, and Arrow against peft."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from layover import compositions, mixers, modules
from layover.compositions import AttachedModule, Mix
from layover.errors import ModelError
from layover.modules import Site
from layover.shape import Shape

SITE = Site(layer=0, place="intermediate", inputs=6, outputs=10, num_layers=2)
SHAPE = Shape(layers=2, hidden=6, intermediate=10, vocabulary=100)


def random(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def lora_part(name: str, seed: int) -> AttachedModule:
    module = modules.get("lora")(rank=3, alpha=6.0, target=("intermediate",))
    weights = {
        f"{site.name}.{key}": random(*size, seed=seed + place)
        for place, site in enumerate(module.sites(SHAPE))
        for key, size in module.weights(site).items()
    }
    gates = {f"{site.name}.gates": random(1, site.inputs, seed=seed + 7) for site in module.sites(SHAPE)}
    return AttachedModule(name, module, weights, trainable=False, gates=gates)


def standardised(row: np.ndarray) -> np.ndarray:
    return (row - row.mean()) / np.sqrt(row.var() + 1e-5)


@pytest.mark.parametrize(("count", "top_k"), [(4, 2), (4, 1), (2, 3), (1, 2)])
def test_phatgoose_by_its_formula(count: int, top_k: int) -> None:
    """LN(v) . LN(u) / sqrt(d), the best k, softmax over these: token by token in plain numbers."""
    seen, gates, deltas = random(2, 5, 6), random(count, 6, seed=1), random(2, 5, count, 10, seed=2)
    router = mixers.get("phatgoose")(top_k=top_k)
    shares = router.mixing_weights(SITE, seen, deltas, {"gates": gates})
    mixed = router.mixed(shares, deltas, {"gates": gates})
    for row, token in np.ndindex(2, 5):
        u = standardised(seen[row, token].double().numpy())
        scores = [float(standardised(gate.double().numpy()) @ u) / 6**0.5 for gate in gates]
        best = sorted(range(count), key=lambda one: -scores[one])[:top_k]
        powers = {one: np.exp(scores[one]) for one in best}
        expected = [powers.get(one, 0.0) / sum(powers.values()) for one in range(count)]
        assert shares[row, token].tolist() == pytest.approx(expected, abs=1e-5)
        summed = sum(share * deltas[row, token, one].double().numpy() for one, share in enumerate(expected))
        assert mixed[row, token].tolist() == pytest.approx(summed.tolist(), abs=1e-5)


def test_a_gate_opens_by_its_sigmoid() -> None:
    seen, gates = random(2, 3, 6), random(1, 6, seed=1)
    shares = mixers.get("gate")().mixing_weights(SITE, seen, random(2, 3, 1, 10), {"gates": gates})
    expected = [1 / (1 + np.exp(-float(u @ gates[0]))) for u in seen.reshape(-1, 6)]
    assert shares.flatten().tolist() == pytest.approx(expected, abs=1e-6)
    fresh = mixers.get("gate")().initialise(SITE, 1, torch.Generator())
    half = mixers.get("gate")().mixing_weights(SITE, seen, random(2, 3, 1, 10), fresh)
    assert torch.equal(half, torch.full((2, 3, 1), 0.5))


def test_arrow_takes_the_direction_that_is_stretched_most() -> None:
    part = lora_part("intermediate", 3)
    left, right = part.module.factors(SITE, part.at(SITE))
    gate = mixers.get("arrow")().gate(part.module, SITE, part.at(SITE))
    _, values, vectors = np.linalg.svd((left @ right).double().numpy())
    assert abs(float(gate.double().numpy() @ vectors[0])) == pytest.approx(1.0, abs=1e-5)
    assert float(((left @ right) @ gate).norm()) == pytest.approx(values[0], rel=1e-5)


@pytest.mark.parametrize(("top_k", "temperature"), [(1, 1.0), (2, 1.0), (3, 0.5)])
def test_arrow_is_pefts(top_k: int, temperature: float) -> None:
    from peft.tuners.lora.arrow import ArrowLoraLinearLayer
    from torch import nn

    parts = [lora_part(f"task_{place}", 10 * place) for place in range(4)]
    route = compositions.get("route")(router="arrow", top_k=top_k, temperature=temperature)
    mix, _ = route.attachments(parts[0].module, parts, shape=SHAPE, seed=1)
    assert isinstance(mix, Mix)
    assert mix.weights is not None
    own = {name.removeprefix(f"{SITE.name}."): value for name, value in mix.weights.items() if SITE.name in name}
    seen = random(2, 5, 6, seed=99)
    deltas = torch.stack(
        [seen @ (left @ right).T for left, right in (p.module.factors(SITE, p.at(SITE)) for p in parts)], 2
    )
    ours = mix.mixer.mixed(mix.mixer.mixing_weights(SITE, seen, deltas, own), deltas, own)

    names = [part.name for part in parts]
    config = SimpleNamespace(
        top_k=top_k,
        router_temperature=temperature,
        rng_seed=0,
        task_adapter_names=names,
        gks_adapter_names=[],
        use_gks=False,
    )
    theirs = ArrowLoraLinearLayer(6, config)
    # its power iteration stops after 15 rounds, short of our accuracy where two singular values are close
    theirs.top_right_singular_vec_from_BA.__func__.__defaults__ = (2000, 1e-12)
    matrices = {}
    for matrix in "AB":
        maps = {}
        for part in parts:
            value = part.at(SITE)[matrix]
            maps[part.name] = nn.Linear(*reversed(value.shape), bias=False)
            maps[part.name].weight.data = value
        matrices[matrix] = nn.ModuleDict(maps)
    theirs.build_prototypes(matrices["A"], matrices["B"])
    expected = theirs(seen, matrices["A"], matrices["B"], nn.Identity(), dict.fromkeys(names, 2.0))
    assert float((ours - expected).detach().abs().max()) <= 1e-4 * float(expected.detach().abs().max())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"router": "arow"}, "'arow' is not a router; did you mean 'arrow'"),
        ({"router": "attention"}, "'attention' is not a router"),
        ({"router": "arrow", "gates": {"steps": 10}}, "arrow does not train gates"),
        ({"temperature": 2.0}, "phatgoose has no temperature"),
        ({"top_k": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_without_meaning(how: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        compositions.get("route")(**how)


def test_what_cannot_be_routed() -> None:
    part = lora_part("intermediate", 0)
    bottleneck = modules.get("bottleneck")()
    with pytest.raises(ModelError, match="no singular vectors"):
        compositions.get("route")(router="arrow").check(bottleneck, [bottleneck])
    compositions.get("route")().check(bottleneck, [bottleneck])
    without = [AttachedModule(f"{part.name}.{place}", part.module, part.weights, trainable=False) for place in range(2)]
    with pytest.raises(ModelError, match=r"intermediate.0 has no gates; train them first"):
        compositions.get("route")().attachments(part.module, without, shape=SHAPE, seed=1)
    compositions.get("route")().attachments(
        part.module, without[:1], shape=SHAPE, seed=1
    )  # all tokens go to a single one


@pytest.mark.parametrize("name", ["phatgoose", "arrow"])
def test_autocast_decides_no_route(name: str) -> None:
    """The best of many near scores are the same in bf16 training as in fp32."""
    seen, gates, deltas = random(2, 50, 6), random(8, 6, seed=1), random(2, 50, 8, 10, seed=2)
    router = mixers.get(name)(top_k=2)
    expected = router.mixing_weights(SITE, seen, deltas, {"gates": gates})
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(router.mixing_weights(SITE, seen, deltas, {"gates": gates}), expected)
