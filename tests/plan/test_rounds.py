"""Plans that grow in rounds: what waits for a choice, what it may cost, and what a choice makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.toy_rounds import RATES, SEED, BestRate

from layover.errors import StoreError
from layover.plan import Plan, build
from layover.plan.choices import Choice, Choices
from layover.plan.cost import estimate
from layover.plan.hub import Revisions
from layover.plan.nodes import spec_at
from layover.plan.pending import bound, everything, notes
from layover.recipe import load
from layover.specs.train import TrainSpec
from layover.store import FileHashes

if TYPE_CHECKING:
    from tests.plan.conftest import World


def planned(world: World, choices: Choices | None = None, *overrides: str) -> Plan:
    revisions = Revisions()
    revisions.offline = True
    recipe = load(world.recipe(), overrides)
    return build(recipe, FileHashes(), revisions, chooser=BestRate(), choices=choices)


def choose(plan: Plan, choices: Choices, value: str) -> None:
    for one in plan.rounds:
        choices.make(one, Choice(value, {candidate.value: 0.5 for candidate in one.candidates}))


def test_points_wait_and_their_trials_are_part_of_the_plan(world: World) -> None:
    plan, settled = planned(world), world.plan()
    assert {cell.method for cell in plan.pending} == {"lora"}
    # stack's own baseline is lora's point of no method: it waits for nothing
    assert {cell.label for cell in plan.cells} == {cell.label for cell in settled.cells if cell.method != "lora"}
    assert len(plan.pending) + len(plan.cells) == len(settled.cells)
    assert len(plan.rounds) == 2  # with and without an intermediate; seeds share a round
    assert all(one.chosen is None and one.method() is None for one in plan.rounds)
    wanted = {node.key for node in plan.wanted(())}
    for one in plan.rounds:
        for candidate, rate in zip(one.candidates, RATES, strict=True):
            trial = spec_at(plan.nodes, candidate.node, TrainSpec).hyperparameters
            assert (trial.lr, trial.seed) == (rate, SEED)
            assert candidate.node in wanted
    assert any("wait for the choice of lora.lr" in note and "lr=0.0001, lr=0.003" in note for note in plan.notes)
    assert {cell.label for cell in plan.pending} == {f"tiny/lora/{one}/moods/{seed}" for one in ("none", "claims")
                                                     for seed in (1, 2)}  # fmt: skip


def test_a_comparison_waits_with_its_baseline(world: World) -> None:
    class OnlyWithout(BestRate):
        def settle(self, point, method, trials):  # type: ignore[no-untyped-def]
            return super().settle(point, method, trials) if point[2] == "none" else method

    recipe, revisions = load(world.recipe(), ()), Revisions()
    revisions.offline = True
    plan = build(recipe, FileHashes(), revisions, chooser=OnlyWithout())
    waiting = {cell.label: cell for cell in plan.pending}
    assert set(waiting) == {f"tiny/lora/{one}/moods/{seed}" for one in ("none", "claims") for seed in (1, 2)}
    assert len(waiting["tiny/lora/claims/moods/1"].scores) == 1  # its own values are known


def test_the_bound_is_the_costliest_candidate(world: World) -> None:
    plan = planned(world)
    assert plan.possible
    assert not plan.possible.keys() & plan.nodes.keys()
    from dataclasses import replace

    costs = estimate(replace(plan, nodes=everything(plan)), lambda _: None)
    cheap = {key: replace(cost, flops=1.0) for key, cost in costs.items()}
    dear = {key for cell in plan.pending for key in _below(plan, cell.scores[1])}
    for key in dear:
        cheap[key] = replace(cheap[key], flops=9.0)
    assert set(bound(plan, cheap)) >= {cell.scores[1] for cell in plan.pending}
    assert not {cell.scores[0] for cell in plan.pending} & set(bound(plan, cheap))
    assert not bound(world.plan(), costs)


def _below(plan: Plan, key: str) -> set[str]:
    if key not in plan.possible:
        return set()
    return {key}.union(*(_below(plan, need) for need in plan.possible[key].needs))


@pytest.mark.parametrize(("value", "rate"), [("lr=0.0001", RATES[0]), ("lr=0.003", RATES[1])])
def test_cells_are_keyed_by_the_chosen_value(world: World, tmp_path: Path, value: str, rate: float) -> None:
    choices = Choices(tmp_path / "choices")
    choose(planned(world, choices), choices, value)
    plan = planned(world, choices)
    assert not plan.pending
    assert not plan.possible
    assert not notes(plan)
    named = world.plan(change=lambda text: text.replace("compose: warm, lr: 4e-4", f"compose: warm, lr: {rate}"))
    assert [(cell.label, cell.score, cell.train, cell.baseline) for cell in plan.cells] == [
        (cell.label, cell.score, cell.train, cell.baseline) for cell in named.cells
    ]
    # the trials stay part of the plan, so that they can be shown, and need not run again
    trials = {key for one in plan.rounds for key in one.nodes()}
    assert trials <= plan.nodes.keys()
    done = {cell.score for cell in plan.cells}
    assert not plan.wanted(done)


def test_a_damaged_or_foreign_choice_is_none(world: World, tmp_path: Path) -> None:
    choices = Choices(tmp_path)
    plan = planned(world, choices)
    choose(plan, choices, "lr=0.003")
    first, second = sorted(tmp_path.glob("*.json"))
    told = json.loads(first.read_text(encoding="utf-8"))
    first.write_text(json.dumps({**told, "value": "lr=0.0001"}), encoding="utf-8")  # its digest differs
    second.write_text("{", encoding="utf-8")
    assert len(planned(world, choices).pending) == len(plan.pending)
    with pytest.raises(StoreError, match=r"'lr=7' was chosen, which is none of lr=0.0001, lr=0.003"):
        choices.make(plan.rounds[0], Choice("lr=7", {}))


def test_other_data_make_another_round(world: World, tmp_path: Path) -> None:
    choices = Choices(tmp_path)
    choose(planned(world, choices), choices, "lr=0.003")
    world.write("moods/train.jsonl", "other words")
    assert len(planned(world, choices).pending) == 4
