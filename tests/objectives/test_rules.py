"""Update rules, held to values computed by hand on a linear model, and the balls that hold perturbations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from tests.objectives_of import acting, others
from tests.training.conftest import HIDDEN, make_features, make_model
from torch import Tensor

from layover.data.masking import Moment
from layover.encoder import normal_noise
from layover.inference.collate import collate
from layover.objectives import Objective, Passed
from layover.training.forward import TrainingForward


@dataclass
class Rows:
    """Two rows of one token with two numbers."""

    ids: Tensor = field(default_factory=lambda: torch.zeros(2, 1, dtype=torch.int64))
    lengths: Tensor = field(default_factory=lambda: torch.ones(2, dtype=torch.int64))
    rows: Tensor = field(default_factory=lambda: torch.arange(2))


WORDS = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
SLOPES = torch.tensor([[[6.0, 8.0]], [[-5.0, 0.0]]])
NOISE = torch.tensor([[[0.5, -0.5]], [[1.0, 0.25]]])


class Linear:
    """Logits are words plus perturbation; the loss is their product with the slopes, curved if asked for."""

    step, epoch, weight, hidden_size = 0, 5.0, 1.0, 2

    def __init__(self, curve: float = 0.0) -> None:
        self.curve = curve
        self.moved: list[Tensor] = []
        self.trained = torch.zeros(1, requires_grad=True)

    def __call__(self, _: Any, perturbation: Any = None, *_at: Any, **_draw: Any) -> Passed:
        moved = torch.zeros(2, 1, 2) if perturbation is None else perturbation
        self.moved.append(moved.detach().clone())
        logits = WORDS + moved + self.trained
        return Passed(logits, self._each(logits).sum())

    def _each(self, logits: Tensor) -> Tensor:
        away = logits - WORDS
        return (SLOPES * logits - self.curve * away * away).sum((1, 2))

    def each_loss(self, logits: Tensor) -> Tensor:
        return self._each(logits)

    def divergence(self, logits: Tensor, other: Tensor) -> Tensor:
        return (logits - other).square().sum()

    def words(self, _: Any) -> Tensor:
        return WORDS

    def tokens(self, _: Any) -> Tensor:
        return torch.ones(2, 1, 1)

    def noise(self, _: Any) -> Tensor:
        return NOISE.clone()

    normal = noise


def moved_by(objective: Objective, forward: Linear | None = None) -> list[list[list[float]]]:
    """Return the perturbation of each pass, rows by numbers."""
    forward = forward or Linear()
    for _ in backward(objective, forward):
        pass
    return [moved[:, 0].tolist() for moved in forward.moved]


def close(numbers: Any) -> Any:
    return [[pytest.approx(row, abs=1e-5) for row in each] for each in numbers]


def test_fgm_moves_each_row_along_its_gradient() -> None:
    still, along = [[0, 0], [0, 0]], [[0.6, 0.8], [-1, 0]]
    assert moved_by(acting("fgm", radius=1.0)) == close([still, along])


def test_fgm_relative_moves_by_a_share_of_the_words() -> None:
    """The norms of the words are 5 and 2."""
    assert moved_by(acting("fgm", radius=0.1, relative=True))[1:] == close([[[0.3, 0.4], [-0.2, 0]]])


def test_fgsm_moves_each_number_by_the_sign() -> None:
    still, along = [[0, 0], [0, 0]], [[0.1, 0.1], [-0.1, 0]]
    assert moved_by(acting("fgsm", radius=0.1)) == close([still, along])
    root = math.sqrt(0.5)  # of the mean square: norm divided by the root of two numbers
    relative = [[0.5 * root, 0.5 * root], [-0.2 * root, 0]]
    assert moved_by(acting("fgsm", radius=0.1, relative=True))[-1:] == close([relative])


def test_fgsm_divides_the_radius_of_the_rows_whose_loss_falls() -> None:
    """At radius 1 and a curve of 6, row 0 rises by 14 - 12, and row 1 falls by 5 - 6; at 0.1 it rises."""
    still, first, second = [[0, 0], [0, 0]], [[1, 1], [-1, 0]], [[1, 1], [-0.1, 0]]
    moved = moved_by(acting("fgsm", radius=1.0), Linear(curve=6.0))
    assert moved == close([still, first, second])
    assert moved_by(acting("fgsm", radius=1.0, reductions=0), Linear(curve=6.0)) == close([still, first])
    once = moved_by(acting("fgsm", radius=1.0, reductions=1), Linear(curve=60.0))
    assert once[-1:] == close([[[0.1, 0.1], [-0.1, 0]]])


def test_fgsm_begins_with_plain_epochs() -> None:
    assert moved_by(acting("fgsm", radius=1.0, warmup_epochs=5.5)) == close([[[0, 0], [0, 0]]])
    assert len(moved_by(acting("fgsm", radius=1.0, warmup_epochs=5.0))) == 2


def test_pgd_starts_at_random_rises_and_stays_in_the_ball() -> None:
    """The start is noise times 0.2 / sqrt(2); each step adds 0.1 along the gradient."""
    root = math.sqrt(2)
    start = [[0.1 / root, -0.1 / root], [0.2 / root, 0.05 / root]]
    first = [[start[0][0] + 0.06, start[0][1] + 0.08], [start[1][0] - 0.1, start[1][1]]]
    second = [[first[0][0] + 0.06, first[0][1] + 0.08], [first[1][0] - 0.1, first[1][1]]]
    size = math.hypot(*second[0])
    assert size > 0.18
    kept = [[number * 0.18 / size for number in second[0]], second[1]]
    assert moved_by(acting("pgd", radius=0.18, step=0.1, init=0.2, steps=2)) == close([start, first, kept])


def test_freelb_adds_the_losses_of_all_steps() -> None:
    root = math.sqrt(2)
    start = [[0.05 / root, -0.05 / root], [0.1 / root, 0.025 / root]]
    first = [[start[0][0] + 0.06, start[0][1] + 0.08], [start[1][0] - 0.1, start[1][1]]]
    second = [[first[0][0] + 0.06, first[0][1] + 0.08], [first[1][0] - 0.1, first[1][1]]]
    settings: dict[str, Any] = {"radius": 9.0, "step": 0.1, "init": 0.1}
    assert moved_by(acting("freelb", steps=2, **settings)) == close([start, first])
    assert moved_by(acting("freelb", steps=2, variant="K+1", **settings)) == close([start, first, second])
    forward = Linear()
    losses = [float(loss.detach()) for loss in backward(acting("freelb", steps=2, **settings), forward)]
    each = [float((SLOPES * (WORDS + moved)).sum()) for moved in forward.moved]
    assert losses == pytest.approx([each[0] / 2, each[1] / 2])


def backward(objective: Objective, forward: Any) -> Iterator[Tensor]:
    for loss in objective.losses(forward, Rows()):
        loss.backward()
        yield loss


def test_smart_divides_by_the_largest_number_of_a_token() -> None:
    """The divergence is the square of the perturbation; its gradient is twice the start, sigma times the noise."""
    moved = moved_by(acting("smart", radius=2.0, sigma=0.1, step=0.5))
    start = [[0.05, -0.05], [0.1, 0.025]]
    risen = [[2 * value for value in row] for row in start]  # plus 0.5 times twice the start
    ended = [[2 * value / (max(map(abs, row)) + 1e-6) for value in row] for row in risen]
    assert moved == close([[[0, 0], [0, 0]], start, ended])


def test_noise_has_the_size_of_the_papers() -> None:
    root = math.sqrt(2)
    assert moved_by(acting("r3f", radius=0.01, weight=1.0))[1:] == close([[[0.005, -0.005], [0.01, 0.0025]]])
    assert moved_by(acting("neftune", alpha=5.0)) == close([[[2.5 / root, -2.5 / root], [5 / root, 1.25 / root]]])
    (drawn,) = moved_by(acting("smoothing", radius=0.3))
    assert [math.hypot(*row) for row in drawn] == pytest.approx([0.3, 0.3])


def test_divergences_are_added_in_both_directions() -> None:
    """Of the toy divergence each direction is the squared distance of the perturbation."""
    for name, settings in (("r3f", {"radius": 0.1, "weight": 3.0}), ("smart", {"radius": 0.1, "weight": 3.0})):
        forward = Linear()
        (loss,) = acting(name, **settings).losses(forward, Rows())
        apart = float(forward.moved[-1].square().sum())
        assert float(loss.detach()) == pytest.approx(float((SLOPES * WORDS).sum()) + 3.0 * 2 * apart)
    (loss,) = acting("rdrop", weight=3.0).losses(Linear(), Rows())
    assert float(loss.detach()) == pytest.approx(2 * float((SLOPES * WORDS).sum()))


class Watched(TrainingForward):
    """Keeps the perturbations."""

    moved: list[Tensor]

    def __call__(self, batch: Any, perturbation: Any = None, draw: int = 0, at: Any = "embeddings") -> Passed:
        if perturbation is not None:
            self.moved.append(perturbation.detach().clone())
        return super().__call__(batch, perturbation, draw, at)


LARGEST = {"fgm": "radius", "pgd": "radius", "freelb": "radius", "smoothing": "radius"}
EACH = {"fgsm": "radius", "smart": "radius", "r3f": "radius"}


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("name", [name for name in others() if acting(name).place])
def test_a_perturbation_stays_in_its_ball_and_off_padding(name: str, relative: bool) -> None:
    features, model = make_features(rows=8), make_model(dropout=0.0)
    batch = collate(features, np.arange(8), pad=1, moment=Moment(0, 0))
    forward = Watched(model.encoder.train(), model.head, model.clock, 0, 8.0, False, batch)
    object.__setattr__(forward, "moved", [])
    objective: Any = acting(name, relative=relative)
    for loss in objective.losses(forward, batch):
        loss.backward()
    words, real = forward.words(batch), torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    norms = words.flatten(1).norm(dim=1)
    counts = batch.lengths * HIDDEN
    assert forward.moved
    for number, moved in enumerate(forward.moved):
        assert not moved[~real].any()
        if name in LARGEST:
            unit = norms if relative else torch.ones(8)
            assert bool((moved.flatten(1).norm(dim=1) <= objective.radius * unit * 1.00001).all())
        elif name in EACH and (name, number) != ("smart", 0):
            unit = norms / counts.sqrt() if relative else torch.ones(8)
            assert bool((moved.flatten(1).abs().amax(1) <= objective.radius * unit * 1.00001).all())
    last = forward.moved[-1].flatten(1).norm(dim=1)
    assert bool((last > 0.01 * (norms if relative else 1)).all() if name != "fgsm" else (last > 0).all())


def test_normal_noise_is_normal() -> None:
    drawn = normal_noise(3, 7, torch.arange(64), 20, 128).double()
    assert abs(drawn.mean()) < 0.01
    assert drawn.std() == pytest.approx(1, abs=0.01)
    assert (drawn.abs() < 1).double().mean() == pytest.approx(0.6827, abs=0.005)
    assert (drawn.abs() < 2).double().mean() == pytest.approx(0.9545, abs=0.003)
    other = normal_noise(3, 7, torch.arange(64), 20, 128, draw=1).double()
    assert abs((drawn * other).mean()) < 0.01


@pytest.mark.parametrize("kind", ["classification", "choice", "multilabel", "regression", "span", "tagging", "mlm"])
def test_the_losses_of_rows_add_up_to_the_loss(kind: str) -> None:
    group = 2 if kind == "choice" else 1
    features, model = make_features(kind, rows=8, group=group), make_model(kind, dropout=0.0)
    units = np.arange(features.units)
    batch = collate(features, units, pad=1, moment=Moment(0, 0))
    weight = model.head.weight(features, units)
    forward = TrainingForward(model.encoder.train(), model.head, model.clock, 0, weight, False, batch)
    passed = forward(batch)
    each = forward.each_loss(passed.logits)
    assert each.shape == (8,)
    assert float(each.detach().sum() / group / weight) == pytest.approx(float(passed.loss.detach()), rel=1e-5)
    alone = collate(features, units[1:2], pad=1, moment=Moment(0, 0))
    single = TrainingForward(model.encoder, model.head, model.clock, 0, 1.0, False, alone)
    assert float(single(alone).loss.detach()) == pytest.approx(float(each[group].detach()), rel=1e-4)
