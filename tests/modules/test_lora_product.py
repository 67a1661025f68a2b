"""LoRA in one product: it scales, multiplies and adds as `delta` does; only a prediction writes over its input."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layover import modules
from layover.modules import At, Site
from layover.modules._base import site_at
from layover.shape import Shape

LORA = modules.get("lora")(rank=3, alpha=7.0, target=("query", "intermediate"))
SHAPE = Shape(1, 16, 24, 50)


def world(site: Site, dtype: torch.dtype) -> tuple[At, dict[str, torch.Tensor]]:
    numbers = torch.Generator().manual_seed(1)
    weights = {name: torch.randn(size, generator=numbers, dtype=dtype) for name, size in LORA.weights(site).items()}
    hidden = torch.randn(1, 5, site.outputs, generator=numbers, dtype=dtype)
    return At(hidden, torch.randn(1, 5, site.inputs, generator=numbers, dtype=dtype), nn.Identity()), weights


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["exact", "bf16"])
@pytest.mark.parametrize("place", ["query", "intermediate"])
def test_the_product_is_hidden_plus_delta(place: str, dtype: torch.dtype) -> None:
    site = site_at(0, place, SHAPE)
    at, weights = world(site, dtype)
    before = at.hidden.clone()
    expected = before + LORA.delta(site, at, weights)
    close = {"atol": 0.5, "rtol": 0.02} if dtype == torch.bfloat16 else {}
    trained = LORA.changed(site, at, weights)
    assert trained.shape == at.hidden.shape
    torch.testing.assert_close(trained, expected, **close)
    assert torch.equal(at.hidden, before), "a training may still need what the product reads"
    with torch.inference_mode():
        predicted = LORA.changed(site, at, weights)
    assert torch.equal(predicted, trained)
    assert predicted.data_ptr() == at.hidden.data_ptr()


def test_its_gradients_are_those_of_delta() -> None:
    site = site_at(0, "intermediate", SHAPE)
    gradients = []
    for one_product in (False, True):
        at, weights = world(site, torch.float64)
        at.source.requires_grad_()
        leaves = {name: weight.requires_grad_() for name, weight in weights.items()}
        hidden = LORA.changed(site, at, leaves) if one_product else at.hidden + LORA.delta(site, at, leaves)
        hidden.pow(3).sum().backward()
        gradients.append([at.source.grad, *(weight.grad for weight in leaves.values())])
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own, other)


def test_under_autocast_it_multiplies_in_the_type_of_the_context() -> None:
    site = site_at(0, "query", SHAPE)
    at, weights = world(site, torch.float32)
    mixed = At(at.hidden.bfloat16(), at.source, at.frozen)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        changed = LORA.changed(site, mixed, weights)
    assert changed.dtype == torch.bfloat16
    torch.testing.assert_close(changed.float(), at.hidden + LORA.delta(site, at, weights), atol=0.5, rtol=0.02)
