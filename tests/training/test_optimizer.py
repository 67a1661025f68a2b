"""The optimizer beside AdamW itself: what decays, and what does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layover.specs import Hyperparameters
from layover.training.adamw import AdamW, DecayGroup
from layover.training.optimizer import BETAS, EPS, Optimizer

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


def gradients(seed: int, weights: dict[str, nn.Parameter], *, without: tuple[str, ...] = ()) -> None:
    """Draw the gradients of all weights but those `without`."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in weights.items():
        drawn = torch.randn(weight.shape, generator=generator).to(weight.dtype)
        weight.grad = None if name in without else drawn


def mixed() -> dict[str, nn.Parameter]:
    """Return weights of two data types."""
    generator = torch.Generator().manual_seed(9)
    shapes = {"a": (5, 7), "b": (11,), "half": (3, 4)}
    drawn = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return {name: nn.Parameter(value.bfloat16() if name == "half" else value) for name, value in drawn.items()}


def test_adamw_is_the_fused_one_of_torch_bit_by_bit() -> None:
    """With a rising learning rate, a weight that rests for a step, and a state that goes on in another object."""
    ours, theirs = mixed(), mixed()
    expected = torch.optim.AdamW(
        [
            {"params": [theirs["a"], theirs["half"]], "weight_decay": DECAY},
            {"params": [theirs["b"]], "weight_decay": 0},
        ],
        betas=BETAS,
        eps=EPS,
        fused=True,
    )
    groups = [DecayGroup([ours["a"], ours["half"]], DECAY), DecayGroup([ours["b"]], 0.0)]
    adamw = AdamW(groups, BETAS, EPS)
    for step, lr in enumerate([0.0, 0.01, 0.1, 0.02]):
        rests = ("b",) if step in {0, 2} else ()
        gradients(step, ours, without=rests)
        gradients(step, theirs, without=rests)
        for group in expected.param_groups:
            group["lr"] = lr
        expected.step()
        adamw.step(lr)
        adamw = AdamW(groups, BETAS, EPS, dict(adamw.state))
        for name, weight in ours.items():
            assert torch.equal(weight, theirs[name]), (step, name)
            state = expected.state[theirs[name]]
            assert adamw.state.get(weight, {}).keys() == state.keys()
            assert all(torch.equal(adamw.state[weight][key], value) for key, value in state.items())
