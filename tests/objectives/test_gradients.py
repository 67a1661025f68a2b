"""Gradients of objectives, held to finite differences in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tests.objectives_of import acting
from tests.training.conftest import make_features, make_model
from torch import Tensor

from layover.data.masking import Moment
from layover.inference.collate import collate
from layover.objectives import Passed
from layover.training.forward import TrainingForward

STEP = 1e-6


class Replayed(TrainingForward):
    """Uses given perturbations and fixed answers, if there are any, and keeps its own."""

    def __call__(self, batch: Any, perturbation: Any = None, draw: int = 0, at: Any = "embeddings") -> Passed:
        moved: list[Tensor] = self.__dict__["moved"]
        given: Iterator[Tensor] | None = self.__dict__["given"]
        if perturbation is not None and given is not None:
            perturbation = perturbation + (next(given) - perturbation.detach())
        if perturbation is not None:
            moved.append(perturbation.detach().clone())
        return super().__call__(batch, perturbation, draw, at)


@pytest.fixture
def _double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compute in float64 all that the project computes in float32."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def total(objective: Any, parts: Any, given: list[Tensor] | None = None, *, backward: bool) -> tuple[float, Any]:
    """Return the sum of the losses of one micro-batch, and the perturbations of its passes."""
    model, batch, weight = parts
    forward = Replayed(model.encoder.train(), model.head.train(), model.clock, 4, weight, False, batch)
    forward.__dict__.update(moved=[], given=None if given is None else iter(given))
    value = 0.0
    for loss in objective.losses(forward, batch):
        loss.backward()
        value += float(loss.detach())
    if not backward:
        for part in (model.encoder, model.head):
            part.zero_grad()
    return value, forward.__dict__["moved"]


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("kind", ["classification", "span"])
@pytest.mark.parametrize("name", ["fgm", "fgsm", "pgd", "freelb", "r3f", "smoothing", "neftune", "rdrop"])
def test_the_gradient_is_that_of_the_losses_with_fixed_perturbations(name: str, kind: str) -> None:
    """A perturbation is a constant for the weights; r3f has a gradient through both of its answers."""
    features, model = make_features(kind, rows=6), make_model(kind)
    for part in (model.encoder, model.head):
        part.double()
    batch = collate(features, np.arange(6), pad=1, moment=Moment(model.clock.seed, 4))
    parts = (model, batch, model.head.weight(features, np.arange(6)))
    objective = acting(name)
    _, moved = total(objective, parts, backward=True)
    weights = [model.head.out.weight, next(weight for weight in model.encoder.parameters() if weight.grad is not None)]
    expected = [weight.grad.flatten()[:3].clone() for weight in weights if weight.grad is not None]
    for weight, gradient in zip(weights, expected, strict=True):
        for place in range(3):
            flat = weight.data.view(-1)
            kept = float(flat[place])
            values = []
            for change in (STEP, -STEP):
                flat[place] = kept + change
                values.append(total(objective, parts, moved, backward=False)[0])
            flat[place] = kept
            slope = (values[0] - values[1]) / (2 * STEP)
            assert slope == pytest.approx(float(gradient[place]), rel=1e-5, abs=1e-8)
    assert max(float(gradient.abs().max()) for gradient in expected) > 1e-4


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("at", ["embeddings", "frozen"])
def test_the_gradient_of_a_perturbation_is_that_of_the_loss(at: Any) -> None:
    features, model = make_features(rows=4), make_model(dropout=0.0)
    for part in (model.encoder, model.head):
        part.double()
    batch = collate(features, np.arange(4), pad=1, moment=Moment(0, 0))
    forward = TrainingForward(model.encoder.train(), model.head.train(), model.clock, 0, 4.0, False, batch)
    start = (0.1 * forward.noise(batch)).requires_grad_()
    (gradient,) = torch.autograd.grad(forward(batch, start, at=at).loss, start)
    for place in ((0, 0, 0), (1, 2, 5), (3, 1, 31)):
        values = []
        for change in (STEP, -STEP):
            moved = start.detach().clone()
            moved[place] += change
            values.append(float(forward(batch, moved, at=at).loss.detach()))
        slope = (values[0] - values[1]) / (2 * STEP)
        assert slope == pytest.approx(float(gradient[place]), rel=1e-5, abs=1e-9)
    assert float(gradient.abs().max()) > 1e-4


@pytest.mark.usefixtures("_double")
def test_smart_trains_each_answer_towards_the_other_as_it_is() -> None:
    """Held to the formula of its authors, written with torch's divergence: the targets have no gradient."""
    features, model = make_features(rows=6), make_model(dropout=0.0)
    for part in (model.encoder, model.head):
        part.double()
    batch = collate(features, np.arange(6), pad=1, moment=Moment(0, 0))
    parts = (model, batch, 6.0)
    objective = acting("smart", weight=3.0)
    _, moved = total(objective, parts, backward=True)
    weight = model.head.out.weight
    ours = weight.grad.clone()
    weight.grad = None
    forward = TrainingForward(model.encoder, model.head, model.clock, 4, 6.0, False, batch)
    clean, other = forward(batch), forward(batch, moved[-1])
    logs = [passed.logits.log_softmax(-1) for passed in (clean, other)]
    towards = [
        torch.nn.functional.kl_div(log, fixed.detach(), log_target=True, reduction="batchmean")
        for log, fixed in (logs, logs[::-1])
    ]
    (clean.loss + 3.0 * (towards[0] + towards[1])).backward()
    assert weight.grad is not None
    assert torch.allclose(ours, weight.grad, rtol=1e-9, atol=1e-12)
