"""Plans that grow in rounds: what waits for a choice, what it may cost, and what a choice makes of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.toy_rounds import RATES, SEED, BestRate

from layover.errors import NodeError, RecipeError, StoreError
from layover.estimates.cost import bound, estimate, to_come
from layover.estimates.eta import Took
from layover.estimates.remaining import Remaining
from layover.plan import Plan, build
from layover.plan.choices import Candidate, Choices, Round, RoundResult
from layover.plan.collect import POLICIES, removable
from layover.plan.hub import Revisions
from layover.plan.nodes import spec_at
from layover.plan.rounds import close, everything, waiting, whole
from layover.recipe import load
from layover.specs.train import TrainSpec
from layover.store import FileHashes, Store

if TYPE_CHECKING:
    from tests.plan.conftest import World


def planned(world: World, choices: Choices | None = None, *overrides: str) -> Plan:
    revisions = Revisions()
    revisions.offline = True
    recipe = load(world.recipe(), overrides)
    return build(recipe, FileHashes(), revisions, chooser=BestRate(), choices=choices)


def choose(plan: Plan, choices: Choices, value: str) -> None:
    for one in plan.rounds:
        choices.make(one, RoundResult((value,), {candidate.value: 0.5 for candidate in one.candidates}))


def test_points_wait_and_their_trials_are_part_of_the_plan(world: World) -> None:
    plan, settled = planned(world), world.plan()
    assert {cell.method for cell in plan.pending} == {"lora"}
    # stack's own baseline is lora's combination of no method: it waits for nothing
    assert {cell.label for cell in plan.cells} == {cell.label for cell in settled.cells if cell.method != "lora"}
    assert len(plan.pending) + len(plan.cells) == len(settled.cells)
    assert len(plan.rounds) == 2  # with and without an intermediate; seeds share a round
    assert all(one.chosen is None and one.method() is None for one in plan.rounds)
    wanted = {node.key for node in plan.wanted(())}
    for one in plan.rounds:
        for candidate, rate in zip(one.candidates, RATES, strict=True):
            trial = spec_at(plan.nodes, candidate.nodes[0], TrainSpec).hyperparameters
            assert (trial.lr, trial.seed) == (rate, SEED)
            assert candidate.nodes[0] in wanted
    assert any("lora.lr" in note and "not chosen yet (one of lr=0.0001, lr=0.003" in note for note in plan.notes)
    assert {cell.label for cell in plan.pending} == {f"tiny/lora/{one}/moods/{seed}" for one in ("none", "claims")
                                                     for seed in (1, 2)}  # fmt: skip


def test_a_comparison_waits_with_its_baseline(world: World) -> None:
    class OnlyWithout(BestRate):
        def settle(self, combination, method, trials):  # type: ignore[no-untyped-def]
            return super().settle(combination, method, trials) if combination.intermediate == "none" else method

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
    costs = estimate(replace(plan, nodes=everything(plan)), lambda _: None)
    cheap = {key: replace(cost, flops=1.0) for key, cost in costs.items()}
    dear = {key for cell in plan.pending for key in _below(plan, cell.scores[1])}
    for key in dear:
        cheap[key] = replace(cheap[key], flops=9.0)
    assert set(bound(plan, cheap)) >= {cell.scores[1] for cell in plan.pending}
    assert not {cell.scores[0] for cell in plan.pending} & set(bound(plan, cheap))
    assert not bound(world.plan(), costs)


def _below(plan: Plan, key: str) -> set[str]:
    """Return the keys below one that only pending cells need."""
    if key not in plan.possible:
        return set()
    return {key}.union(*(_below(plan, need) for need in plan.possible[key].needs))


@pytest.mark.parametrize(("value", "rate"), [("lr=0.0001", RATES[0]), ("lr=0.003", RATES[1])])
def test_cells_are_keyed_by_the_chosen_value(world: World, tmp_path: Path, value: str, rate: float) -> None:
    choices = Choices(tmp_path)
    choose(planned(world, choices), choices, value)
    plan = planned(world, choices)
    assert not plan.pending
    assert not plan.possible
    assert not waiting(plan)
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
    first, second = sorted(tmp_path.glob("choices/*.json"))
    told = json.loads(first.read_text(encoding="utf-8"))
    first.write_text(json.dumps({**told, "values": ["lr=0.0001"]}), encoding="utf-8")  # its digest differs
    second.write_text("{", encoding="utf-8")
    assert len(planned(world, choices).pending) == len(plan.pending)
    with pytest.raises(StoreError, match=r"the choice 'lr=7' is none of lr=0.0001, lr=0.003"):
        choices.make(plan.rounds[0], RoundResult(("lr=7",), {}))


def test_other_data_make_another_round(world: World, tmp_path: Path) -> None:
    choices = Choices(tmp_path)
    choose(planned(world, choices), choices, "lr=0.003")
    world.write("moods/train.jsonl", "other words")
    assert len(planned(world, choices).pending) == 4


class TwoRounds(BestRate):
    """Asks for a rank when the rate is chosen: its trials have that rate."""

    def settle(self, combination, method, trials):  # type: ignore[no-untyped-def]
        rated = super().settle(combination, method, trials)
        if rated is None or method.name != "lora":
            return rated
        tried = combination._replace(seed=SEED)
        modules = [rated.module.model_copy(update={"rank": rank}) for rank in (2, 8)]
        variants = [rated.model_copy(update={"module": module}) for module in modules]
        candidates = tuple(
            Candidate(f"rank={one.module.rank}", one, (trials.trials(tried, one, None, before=False)[0].key,))
            for one in variants
        )
        label = f"rank for {combination.target} after {combination.intermediate}"
        return trials.known(Round(label, "toy", candidates)).method()


def test_a_second_round_is_asked_for_when_the_first_is_chosen(world: World, tmp_path: Path) -> None:
    choices = Choices(tmp_path)

    def plan() -> Plan:
        revisions = Revisions()
        revisions.offline = True
        recipe = load(world.recipe(), ("sweep.intermediate=[none]", "sweep.method=[lora]", "sweep.exclude=[]"))
        return build(recipe, FileHashes(), revisions, chooser=TwoRounds(), choices=choices)

    first = plan()
    assert [one.label for one in first.rounds] == ["lora.lr for moods after none"]
    choose(first, choices, "lr=0.003")
    second = plan()
    rate, rank = second.rounds
    assert (rate.chosen and rate.chosen.value, rank.chosen, rank.label) == (
        "lr=0.003",
        None,
        "rank for moods after none",
    )
    assert {cell.rounds for cell in second.pending} == {(rank.key,)}  # they wait for the open one alone
    assert len(second.pending) == 2
    assert all(len(cell.scores) == 2 for cell in second.pending)
    for node in rank.nodes():
        spec = spec_at(second.nodes, node, TrainSpec)
        assert spec.hyperparameters.lr == 3e-3
    assert not set(rate.nodes()) & {node.key for node in second.wanted(rate.nodes())}
    choices.make(rank, RoundResult(("rank=8",), {}))
    third = plan()
    assert not third.pending
    specs = [spec_at(third.nodes, cell.train or "", TrainSpec) for cell in third.cells]
    assert {(one.hyperparameters.lr, one.module.settings()["rank"]) for one in specs} == {(3e-3, 8)}


def test_an_open_value_without_a_round_is_refused(world: World) -> None:
    class Forgets(BestRate):
        def settle(self, combination, method, trials):  # type: ignore[no-untyped-def] # noqa: ARG002
            return None if method.name == "lora" else method

    revisions = Revisions()
    revisions.offline = True
    with pytest.raises(NodeError, match="tiny/lora/none/moods/1: a value is open, and no open round chooses it"):
        build(load(world.recipe(), ()), FileHashes(), revisions, chooser=Forgets())


def finished_trials(plan: Plan, root: Path) -> Store:
    """Return a store in which the nodes of all rounds are finished, and nothing else is."""
    store = Store(root)
    for node in {key: plan.nodes[key] for one in plan.rounds for key in one.nodes()}.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "file").touch()
    return store


def test_what_another_run_chose_stays_chosen(world: World, tmp_path: Path) -> None:
    plan, choices = planned(world), Choices(tmp_path)
    choose(plan, choices, "lr=0.0001")

    class Fails(BestRate):
        def choose(self, choice_round: Round, store: Store, lost: Collection[str]) -> RoundResult:
            raise AssertionError(choice_round, store, lost)

    closed, problems = close(plan, Fails(), finished_trials(plan, tmp_path / "store"), choices)
    assert [one.chosen and one.chosen.value for one in closed] == ["lr=0.0001"] * 2
    assert not problems


@pytest.mark.parametrize("policy", POLICIES)
def test_what_an_open_round_chooses_by_is_kept(world: World, tmp_path: Path, policy: str) -> None:
    plan = planned(world)
    store = finished_trials(plan, tmp_path / "store")
    assert removable(store, [plan], policy) == []
    choices = Choices(tmp_path)
    choose(plan, choices, "lr=0.003")
    gone = removable(store, [planned(world, choices)], policy)
    assert gone == (sorted(store.finished()) if policy == "records" else [])


def test_data_of_pending_cells_are_checked_before_the_first_round(world: World) -> None:
    (world.root / "data" / "moods" / "en.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"moods: test en cannot be read: .*en.jsonl"):
        planned(world, None, "sweep.method=[lora]", "sweep.exclude=[]")


def test_what_pending_cells_may_cost_is_left_to_do(world: World) -> None:
    plan = planned(world, None, "sweep.method=[lora]", "sweep.exclude=[]")
    costs = estimate(whole(plan), lambda _: None)
    trials = {key for one in plan.rounds for key in _under(plan, one.nodes())}
    beyond = bound(plan, costs)
    left = [node.key for node in to_come(plan, costs, trials)]
    assert left == beyond
    assert left
    scored = [cell.scores[0] for cell in plan.pending]
    done = {*trials, *(key for score in scored for key in _below(plan, score))}
    cheaper = {key: replace(cost, flops=float(key in done)) for key, cost in costs.items()}
    assert bound(plan, cheaper, done) != bound(plan, cheaper)
    assert not done & set(bound(plan, cheaper, done))
    known = [Took(kind, 1.0, 1.0) for kind in ("tokenize", "train", "predict", "score")]
    remaining = Remaining(plan, (), 1, lambda asked: estimate(asked, lambda _: None), known, clock=lambda: 0.0)
    assert remaining.seconds()
    assert remaining.share() == 0.0


def _under(plan: Plan, keys: Iterable[str]) -> set[str]:
    return {key for top in keys for key in (top, *_under(plan, plan.nodes[top].needs))}
