"""The optimizer beside AdamW itself: what decays, and what does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layover.specs import Hyperparameters
from layover.training.optimizer import Optimizer

LR, DECAY = 0.1, 0.5


def parts(size: int) -> dict[str, dict[str, nn.Parameter]]:
    """Return a module and a head with a matrix, a bias and a norm each."""
    shapes = {"dense.weight": (size, size), "dense.bias": (size,), "norm.weight": (size,)}
    return {
        part: {name: nn.Parameter(torch.ones(shape)) for name, shape in shapes.items()} for part in ("target", "head")
    }


@pytest.mark.parametrize("size", [4, 1100], ids=["together", "a buffer of its own"])
@pytest.mark.parametrize("layers_rest", [False, True])
def test_matrices_decay_and_vectors_do_not(size: int, layers_rest: bool) -> None:
    """The gradient is exactly zero, so that decay alone moves anything."""
    weights = parts(size)
    optimizer = Optimizer(weights, Hyperparameters(LR, 1, 8, 0, weight_decay=DECAY), layers_rest=layers_rest)
    for steps in (1, 2):
        for each in weights.values():
            for weight in each.values():
                weight.grad = torch.zeros_like(weight)
        optimizer.step(LR)
        for each in weights.values():
            shrunk = (1 - LR * DECAY) ** steps
            assert torch.allclose(each["dense.weight"], torch.full((size, size), shrunk), atol=1e-6)
            assert torch.equal(each["dense.bias"], torch.ones(size))
            assert torch.equal(each["norm.weight"], torch.ones(size))


def test_a_training_is_that_of_adamw_with_two_groups() -> None:
    """transformers groups weights so: decay on all but biases and norms."""
    ours, theirs = parts(4), parts(4)
    flat = [(name, weight) for each in theirs.values() for name, weight in each.items()]
    matrices, vectors = (
        [weight for name, weight in flat if (name == "dense.weight") is matrix] for matrix in (True, False)
    )
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=LR)
    optimizer = Optimizer(ours, Hyperparameters(LR, 1, 8, 0, weight_decay=DECAY, clip=None))
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for part, each in ours.items():
            for name, weight in each.items():
                weight.grad = torch.randn(weight.shape, generator=generator)
                theirs[part][name].grad = weight.grad.clone()
        optimizer.step(LR)
        adamw.step()
    for part, each in ours.items():
        for name, weight in each.items():
            assert torch.allclose(weight, theirs[part][name], atol=1e-6), f"{part}/{name}"
