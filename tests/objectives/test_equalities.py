"""Neutral settings: each objective equals the plain loss, or a stated multiple of its gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from tests.objectives_of import acting, others, toy_rewriter
from tests.thorough import THOROUGH
from tests.training.conftest import Model, make_features, make_model
from torch import Tensor

from layover import heads, modules, objectives
from layover.data.masking import Moment
from layover.inference.collate import collate
from layover.objectives import Objective
from layover.training.forward import TrainingForward

PLAIN = objectives.get("plain")()
TOP = modules.get("lora")(rank=4, layers=(2,))
ALL = modules.get("lora")(rank=4)
BOTTLENECK = modules.get("bottleneck")(reduction=4.0)
FULL = modules.get("full")()

NEUTRAL: list[tuple[str, dict[str, Any]]] = [
    ("fgsm", {"radius": 0.0}),
    ("fgsm", {"radius": 0.1, "warmup_epochs": 3.0}),
    ("pgd", {"radius": 0.0}),
    ("smoothing", {"radius": 0.0}),
    ("neftune", {"alpha": 0.0}),
    ("smart", {"weight": 0.0}),
    ("r3f", {"weight": 0.0}),
    ("consistency", {"weight": 0.0}),
    ("freelb", {"steps": 1, "init": 0.0}),
]
"""Settings that equal the plain loss bit for bit."""
TWICE: list[tuple[str, dict[str, Any], float]] = [("fgm", {"radius": 0.0}, 0.1), ("rdrop", {"weight": 0.0}, 0.0)]
"""Settings with exactly twice its gradient, and the dropout with which they have it."""
CLOSE: list[dict[str, Any]] = [{"radius": 0.0, "steps": 3}, {"radius": 0.0, "steps": 2, "variant": "K+1"}]
"""Settings of freelb with its gradient up to rounding."""


def gradients(
    objective: Objective, kind: str = "classification", module: Any = ALL, dropout: float = 0.1, at: int = 4
) -> dict[str, Tensor]:
    """Return the gradient of every trained weight after one micro-batch."""
    group = 2 if kind == "choice" else 1
    features, model = make_features(kind, rows=8, group=group), make_model(kind, module, dropout=dropout)
    batch = collate(features, np.arange(features.units), pad=1, moment=Moment(model.clock.seed, at))
    weight = model.head.weight(features, np.arange(features.units))
    forward = TrainingForward(
        model.encoder.train(), model.head.train(), model.clock, at, weight, False, batch, rewriter=toy_rewriter()
    )
    for loss in objective.losses(forward, batch):
        loss.backward()
    return grads_of(model)


@cache
def plainly(kind: str = "classification", module: Any = ALL, dropout: float = 0.1) -> dict[str, Tensor]:
    """Return the gradients of the plain loss."""
    return gradients(PLAIN, kind, module, dropout)


def grads_of(model: Model) -> dict[str, Tensor]:
    parts = {"encoder": model.encoder, "head": model.head}
    return {
        f"{part}.{name}": weight.grad
        for part, module in parts.items()
        for name, weight in module.named_parameters()
        if weight.grad is not None
    }


@pytest.mark.parametrize("module", [ALL, TOP, BOTTLENECK, FULL], ids=["lora", "top", "bottleneck", "full"])
@pytest.mark.parametrize(("name", "settings"), NEUTRAL, ids=str)
def test_neutral_settings_have_the_bits_of_the_plain_loss(name: str, settings: dict[str, Any], module: Any) -> None:
    expected, ours = plainly(module=module), gradients(acting(name, **settings), module=module)
    assert expected.keys() == ours.keys()
    assert all(torch.equal(expected[weight], ours[weight]) for weight in expected)
    assert max(float(gradient.abs().max()) for gradient in expected.values()) > 1e-4


def views_of(name: str, kind: str) -> bool:
    """Return whether it makes views of rows whose tokens are masked, which a recipe refuses."""
    return (name, kind) == ("consistency", "mlm")


EVERY_KIND = [
    (name, settings, kind)
    for row, (name, settings) in enumerate(NEUTRAL)
    for column, kind in enumerate(sorted(heads.names()))
    if (THOROUGH or (row + column) % 3 == 0) and not views_of(name, kind)
]


@pytest.mark.parametrize(("name", "settings", "kind"), EVERY_KIND, ids=str)
def test_neutral_settings_are_neutral_for_every_kind(name: str, settings: dict[str, Any], kind: str) -> None:
    expected, ours = plainly(kind), gradients(acting(name, **settings), kind)
    assert all(torch.equal(expected[weight], ours[weight]) for weight in expected)


@pytest.mark.parametrize(("name", "settings", "dropout"), TWICE, ids=str)
def test_two_equal_passes_have_twice_the_gradient(name: str, settings: dict[str, Any], dropout: float) -> None:
    expected, ours = plainly(dropout=dropout), gradients(acting(name, **settings), dropout=dropout)
    assert all(torch.equal(2 * expected[weight], ours[weight]) for weight in expected)


@pytest.mark.parametrize("settings", CLOSE, ids=str)
def test_freelb_without_a_radius_is_the_plain_loss_up_to_rounding(settings: dict[str, Any]) -> None:
    expected, ours = plainly(dropout=0.0), gradients(acting("freelb", **settings), dropout=0.0)
    assert max(float((expected[weight] - ours[weight]).abs().max()) for weight in expected) < 1e-6


def test_the_variants_of_freelb_differ_in_their_masks() -> None:
    """With K passes all masks are equal; with K+1 each pass has its own."""
    same = gradients(acting("freelb", radius=0.0, steps=2))
    own = gradients(acting("freelb", radius=0.0, steps=1, variant="K+1"))
    plain = plainly()
    assert max(float((plain[weight] - same[weight]).abs().max()) for weight in plain) < 1e-6
    assert max(float((plain[weight] - own[weight]).abs().max()) for weight in plain) > 1e-4


@pytest.mark.parametrize("kind", sorted(heads.names()))
@pytest.mark.parametrize("name", others())
def test_every_objective_trains_every_kind(name: str, kind: str) -> None:
    """With settings that act, its gradient is finite and not the one of the plain loss."""
    if views_of(name, kind):
        return
    ours, plain = gradients(acting(name), kind), plainly(kind)
    assert all(bool(gradient.isfinite().all()) for gradient in ours.values())
    assert max(float((ours[weight] - plain[weight]).abs().max()) for weight in plain) > 1e-5


@pytest.mark.parametrize("module", [TOP, BOTTLENECK, modules.get("none")()], ids=["top", "bottleneck", "head alone"])
@pytest.mark.parametrize("name", [name for name in others() if acting(name).place])
def test_the_output_of_frozen_layers_can_be_moved_instead(name: str, module: Any) -> None:
    frozen, embedded = (gradients(acting(name, at=at), module=module) for at in ("frozen", "embeddings"))
    plain = plainly(module=module)
    for other in (embedded, plain):
        assert max(float((frozen[weight] - other[weight]).abs().max()) for weight in plain) > 1e-6
