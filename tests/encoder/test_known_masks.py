"""Masks and noise of an earlier version, as hashes: a change of a mask changes every training with dropout."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from layover.encoder import DropoutClock, RowDropout, noise

ROWS = torch.tensor([3, 0, -7, (1 << 31) + 5, 123456789])
ROW_OF = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 0])
POSITIONS = torch.tensor([0, 1, 2, 0, 0, 1, 0, 0, 1, 2, 511, 0])
SHAPES = {"packed": (1, 12), "padded": (5, 11), "pooled": (5,)}


class Case(NamedTuple):
    """A dropout, its moment and its input."""

    layout: str
    width: int
    dtype: torch.dtype
    p: float
    seed: int
    step: int
    salt: int
    draw: int
    sha256: str


CASES = [
    Case("packed", 64, torch.float32, 0.1, 0, 0, 0, 0, "822935c2ef92c5b4"),
    Case("packed", 33, torch.bfloat16, 0.1, 7, 12, 5, 0, "b7f5f3d1e90277de"),
    Case("packed", 1, torch.float32, 0.5, 1, 2, 3, 4, "4593a38269fee1b2"),
    Case("padded", 48, torch.bfloat16, 0.3, (1 << 40) + 1, 100_000, 24, 2, "540d702467828f77"),
    Case("padded", 7, torch.float32, 0.9, -1, 1 << 33, 1000, 1, "a1ebefa710b4e274"),
    Case("pooled", 64, torch.float32, 0.1, 5, 6, 1001, 0, "ed55fff2286896e5"),
    Case("pooled", 5, torch.bfloat16, 0.0001, 2, 3, 4, 0, "5ae7f5ffc61fac4d"),
]


def digest(values: Tensor) -> str:
    """Return a hash of the bits of a tensor."""
    whole = values.detach().contiguous()
    bits = whole.view(torch.int16) if whole.dtype == torch.bfloat16 else whole
    return hashlib.sha256(bits.numpy().tobytes()).hexdigest()[:16]


def pattern(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return numbers of both signs, none of them zero."""
    count = torch.Size(shape).numel()
    return (torch.arange(1, count + 1) % 251 - 125 + 0.5).reshape(shape).to(dtype)


def dropped(case: Case, hidden: Tensor) -> Tensor:
    """Return the result of the case's dropout."""
    clock = DropoutClock(case.seed)
    clock.set(case.step, ROWS, case.draw)
    dropout = RowDropout(case.p, clock, case.salt).train()
    if case.layout != "packed":
        return dropout(hidden)
    with clock.packing(len(ROWS), ROW_OF, POSITIONS):
        return dropout(hidden)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_masks_are_those_of_earlier_versions(case: Case) -> None:
    hidden = pattern((*SHAPES[case.layout], case.width), case.dtype).requires_grad_()
    result = dropped(case, hidden)
    assert digest(result) == case.sha256
    (gradient,) = torch.autograd.grad(result, hidden, pattern(tuple(hidden.shape), case.dtype))
    assert digest(gradient) == case.sha256, "the gradient passes through the same mask"


def test_noise_is_that_of_earlier_versions() -> None:
    assert digest(noise(1, 3, ROWS, 9, 31)) == "37a611e76a84c6cb"
    assert digest(noise(1 << 35, 4, ROWS, 4, 16, 2)) == "6e282deff99cb96b"
