"""Trainings of several branches: what a step trains on, and that nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.conftest import SIZES, Model, make_features, make_model

from layover import heads, modules
from layover.errors import DataError
from layover.execution import Execution
from layover.inference.order import steps_of_epoch
from layover.specs import Hyperparameters
from layover.training import Branch, FitResult, Judge, Progress, Seen, fit, optimizer
from layover.training.branches import DataOrder

SETTINGS = Hyperparameters(lr=0.01, epochs=3, batch=8, seed=1, bucket=2)
EXECUTION = Execution(device="cpu", micro_batch_tokens=4096, checkpoint_seconds=1e9)
EVERY_STEP = EXECUTION.model_copy(update={"checkpoint_seconds": 0.0})


class Killed(BaseException):
    pass


class Mixed:
    """An encoder with a module and the branches of three tasks: 12 steps an epoch."""

    def __init__(self, module: str = "lora") -> None:
        self.model: Model = make_model("classification", modules.get(module)())
        parts = {"nli": self.model.head}
        for kind in ("tagging", "mlm"):
            head = heads.build(kind, 32, SIZES[kind], clock=self.model.clock, dropout=0.1)
            head.tie(self.model.encoder)
            parts[kind] = head
        self.heads = parts
        self.branches = [
            Branch("nli", parts["nli"], make_features("classification", rows=40), 3),  # of the 5 steps of a pass
            Branch("ner", parts["tagging"], make_features("tagging", rows=20), 5),
            Branch("anli", parts["nli"], make_features("classification", rows=16, seed=6), 2),
            Branch("text", parts["mlm"], make_features("mlm", rows=24), 2),
        ]

    def weights(self) -> dict[str, torch.Tensor]:
        named = {f"encoder.{name}": value for name, value in self.model.encoder.named_parameters()}
        for kind, head in self.heads.items():
            named |= {f"{kind}.{name}": value for name, value in head.named_parameters()}
        return {name: value.detach().clone() for name, value in named.items()}

    def train(self, settings: Hyperparameters = SETTINGS, **changes: Any) -> FitResult:
        given: dict[str, Any] = {
            "execution": EXECUTION,
            "judge": None,
            "checkpoint_dir": None,
            "progress": lambda _: None,
        }
        clock, encoder = self.model.clock, self.model.encoder
        return fit(encoder, self.branches, hyperparameters=settings, clock=clock, **{**given, **changes})


def killed_at(step: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.done == step:
            raise Killed

    return report


def far(one: Mixed, other: Mixed) -> float:
    theirs = other.weights()
    return max(float((value - theirs[name]).abs().max()) for name, value in one.weights().items())


def test_a_single_branch_sees_its_epochs_as_they_are() -> None:
    features = make_features(rows=20)
    course = DataOrder([Branch("one", make_model().head, features)], SETTINGS)
    found = [course.units(step).tolist() for step in range(9)]
    epochs = [steps_of_epoch(features, batch=8, seed=1, epoch=epoch, bucket=2) for epoch in range(3)]
    assert course.steps_per_epoch == 3
    assert found == [units.tolist() for epoch in epochs for units in epoch]
    assert course.seen(4) == (Seen(4, 20 + len(epochs[1][0])),)


def test_every_branch_goes_through_its_own_data_pass_after_pass() -> None:
    branches = Mixed().branches
    course, again = DataOrder(branches, SETTINGS), DataOrder(branches, SETTINGS)
    taken: list[list[list[int]]] = [[] for _ in branches]
    for step in range(48):
        taken[course.turn(step)].append(course.units(step).tolist())
        if step % 12 == 11:
            assert [len(one) for one in taken] == [count * (step // 12 + 1) for count in (3, 5, 2, 2)]
    for one, branch in zip(taken, branches, strict=True):
        epochs = [steps_of_epoch(branch.features, batch=8, seed=1, epoch=number, bucket=2) for number in range(7)]
        assert one == [units.tolist() for epoch in epochs for units in epoch][: len(one)]
    assert course.seen(48)[0] == Seen(12, sum(map(len, taken[0])))
    # any step can be asked for, in any order: nothing is kept that decides
    for step in (40, 3, 47, 3, 0):
        turn = again.turn(step)
        assert again.units(step).tolist() == course.units(step).tolist()
        assert turn == course.turn(step)


@pytest.mark.parametrize("module", ["lora", "full"])
@pytest.mark.parametrize("killed_after", [1, 7, 12, 20])
def test_a_resumed_mixture_gives_equal_bits(killed_after: int, module: str, tmp_path: Path) -> None:
    straight, killed, resumed = (Mixed(module) for _ in range(3))
    expected = straight.train()
    with pytest.raises(Killed):
        killed.train(execution=EVERY_STEP, checkpoint_dir=tmp_path, progress=killed_at(killed_after))
    result = resumed.train(execution=EVERY_STEP, checkpoint_dir=tmp_path)
    assert result.measured.resumed_at == killed_after
    assert far(straight, resumed) == 0
    assert (result.as_json(), result.seen) == (expected.as_json(), expected.seen)


def test_other_steps_are_another_training(tmp_path: Path) -> None:
    one, other = Mixed(), Mixed()
    with pytest.raises(Killed):
        one.train(execution=EVERY_STEP, checkpoint_dir=tmp_path, progress=killed_at(4))
    other.branches[0] = replace(other.branches[0], steps=4)
    result = other.train(execution=EVERY_STEP, checkpoint_dir=tmp_path)
    assert result.measured.resumed_at is None
    assert "another training" in result.measured.notes[0]


@pytest.mark.parametrize("module", ["lora", "bottleneck", "full"])
def test_the_cut_of_a_mixture_changes_nothing(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "EPS", 1e-3)  # see test_loop.py
    faithful = replace(SETTINGS, lr=0.003)
    whole, cut = Mixed(module), Mixed(module)
    whole.train(faithful)
    result = cut.train(faithful, execution=EXECUTION.model_copy(update={"micro_batch_tokens": 1}))
    assert result.measured.micro_tokens == 1
    assert far(whole, cut) < 1e-6


def test_only_the_head_whose_turn_it_is_moves() -> None:
    """The others stay bit for bit, although their weights would decay and their moments would go on."""
    mixed, before, moved = Mixed(), {}, dict[str, set[str]]()
    course = DataOrder(mixed.branches, SETTINGS)

    def compare(progress: Progress) -> None:
        now = mixed.weights()
        changed = {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}
        moved.setdefault(mixed.branches[course.turn(progress.done - 1)].name, set()).update(changed)
        before.update(now)

    before |= mixed.weights()
    mixed.train(replace(SETTINGS, weight_decay=0.5), progress=compare)
    assert moved == {
        "nli": {"encoder", "nli"},
        "anli": {"encoder", "nli"},
        "ner": {"encoder", "tagging"},
        "text": {"encoder", "mlm"},
    }


def test_what_was_seen_ends_where_the_weights_were_kept() -> None:
    values = iter([5.0, 1.0, 2.0])
    mixed = Mixed()
    result = mixed.train(judge=Judge(lambda: {"mean": next(values)}, "mean"))
    assert (result.steps, result.best_step) == (36, 12)
    assert [one.steps for one in result.seen] == [3, 5, 2, 2]
    taken = DataOrder(mixed.branches, SETTINGS)
    assert result.seen[0].units == sum(len(taken.units(step)) for step in range(12) if taken.turn(step) == 0)
    assert [one.steps for one in Mixed().train().seen] == [9, 15, 6, 6], "without a selection all of it counts"


def test_a_branch_without_gold_is_named() -> None:
    mixed = Mixed()
    features = mixed.branches[2].features
    none = replace(features, arrays={**features.arrays, "label": np.full(16, -1)})
    mixed.branches[2] = replace(mixed.branches[2], features=none)
    with pytest.raises(DataError, match=r"anli: there is nothing to train on: no row of the training set has gold"):
        mixed.train()
