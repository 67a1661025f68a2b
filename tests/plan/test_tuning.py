"""The searches of a recipe: their trials, their rounds, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover.errors import NodeError, RecipeError
from layover.estimates.cost import estimate
from layover.plan import Plan, build
from layover.plan.choices import Choices, RoundResult
from layover.plan.hub import Revisions
from layover.plan.nodes import of, spec_at
from layover.plan.rounds import close, without_result
from layover.plan.searched import repeated_seeds, searched
from layover.plan.tuning import chooser_of
from layover.recipe import load
from layover.samplers import RangeSearch, points
from layover.specs.train import TrainSpec
from layover.store import FileHashes, Store

if TYPE_CHECKING:
    from tests.plan.conftest import World

RATES = "{search: [1e-4, 1e-3, 1e-2]}"
TUNED = (
    f"methods.full.lr={RATES}",
    f"methods.lora.lr={RATES}",
    "sweep.method=[full, lora]",
    "sweep.exclude=[]",
)


def planned(world: World, *overrides: str, choices: Choices | None = None) -> Plan:
    revisions = Revisions()
    revisions.offline = True
    recipe = load(world.recipe(), overrides)
    return build(recipe, FileHashes(), revisions, choices=choices)


def problems(world: World, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as raised:
        planned(world, *overrides)
    return [f"{problem.path}: {problem.message}" for problem in raised.value.problems]


def finished(
    store: Store,
    plan: Plan,
    scores: dict[float, list[float | None]],
    losses: dict[float, float],
    lost: frozenset[str] = frozenset(),
) -> None:
    """Finish the trainings of all open rounds with the development scores of their learning rates."""
    for choice_round in plan.rounds:
        for key in choice_round.nodes() if choice_round.chosen is None else ():
            if store.has(key) or key in lost:
                continue
            node, spec = plan.nodes[key], spec_at(plan.nodes, key, TrainSpec)
            rate = spec.hyperparameters.lr
            seen = [
                {"step": step, "epoch": float(step), "loss": losses.get(rate, 1.0), "metrics": {"accuracy": score}}
                for step, score in enumerate(scores[rate], start=1)
            ]
            with store.writing(node.kind, spec.canonical(), node.needs) as folder:
                (folder / "training.json").write_text(json.dumps({"criterion": "accuracy", "history": seen}))


def choose(world: World, root: Path, scores: dict[float, list[float | None]], *overrides: str, **losses: Any) -> Plan:
    """Finish rounds and choose, until every value is chosen; return the plan."""
    store, choices = Store(root), Choices(root)
    for _ in range(4):
        plan = planned(world, *overrides, choices=choices)
        if not plan.pending:
            return plan
        finished(store, plan, scores, losses.get("losses", {}))
        chooser = chooser_of(plan.recipe)
        for choice_round in plan.rounds:
            if choice_round.chosen is None:
                choices.make(choice_round, chooser.choose(choice_round, store, ()))
    raise AssertionError("a value is still open")


SCORES: dict[float, list[float | None]] = {1e-4: [40.0, 50.0], 1e-3: [80.0, 70.0], 1e-2: [None, 60.0]}


def test_every_method_has_the_same_trials_before_any_cell(world: World) -> None:
    plan = planned(world, *TUNED)
    assert not plan.cells
    assert len(plan.pending) == 8
    assert [choice_round.label for choice_round in plan.rounds] == ["full: tiny", "lora: tiny"]
    for choice_round in plan.rounds:
        assert [candidate.value for candidate in choice_round.candidates] == ["lr=0.0001", "lr=0.001", "lr=0.01"]
        for candidate, rate in zip(choice_round.candidates, (1e-4, 1e-3, 1e-2), strict=True):
            (key,) = candidate.nodes
            spec = spec_at(plan.nodes, key, TrainSpec)
            assert (spec.hyperparameters.lr, spec.hyperparameters.seed, spec.name) == (rate, 101, "moods")
            assert not spec.start.learned, "a choice for a method is made without an intermediate"
    trials = {key for choice_round in plan.rounds for key in choice_round.nodes()}
    assert {node.key for node in of(plan.nodes, TrainSpec)} == trials


def test_no_test_data_are_read_for_a_choice(world: World) -> None:
    plan = planned(world, *TUNED)
    read = {node.label for node in plan.wanted(()) if node.kind == "tokenize"}
    assert read == {"tokenize moods train en", "tokenize moods validation en"}


def test_cells_are_those_of_a_recipe_that_names_the_chosen_values(world: World, tmp_path: Path) -> None:
    plan = choose(world, tmp_path / "store", SCORES, *TUNED)
    named = planned(world, "methods.full.lr=1e-3", "methods.lora.lr=1e-3", *TUNED[2:])
    assert [(cell.label, cell.score, cell.baseline) for cell in plan.cells] == [
        (cell.label, cell.score, cell.baseline) for cell in named.cells
    ]


def test_a_trial_that_is_a_training_of_the_sweep_is_that_training(world: World, tmp_path: Path) -> None:
    tuned = (*TUNED, "tune.seeds=[2]")
    plan = choose(world, tmp_path / "store", SCORES, *tuned)
    trials = {key for choice_round in plan.rounds for key in choice_round.nodes()}
    assert {cell.train for cell in plan.cells if cell.intermediate == "none" and cell.seed == 2} <= trials
    assert repeated_seeds(plan) == [2]


@pytest.mark.parametrize(
    ("per", "labels", "trainings"),
    [
        ("method", ["lora: tiny"], {("moods", ""), ("claims", "")}),
        ("target", ["lora: tiny, claims", "lora: tiny, moods"], {("moods", ""), ("claims", "")}),
        (
            "intermediate",
            [
                "lora: tiny, claims after claims",
                "lora: tiny, claims after none",
                "lora: tiny, moods after claims",
                "lora: tiny, moods after none",
            ],
            {("moods", ""), ("claims", ""), ("moods", "claims"), ("claims", "claims")},
        ),
    ],
)
def test_what_a_choice_is_for(world: World, per: str, labels: list[str], trainings: set[tuple[str, str]]) -> None:
    overrides = (
        *TUNED,
        f"tune.per={per}",
        "sweep.method=[lora]",
        "sweep.target=[moods, claims]",
        "methods.full.lr=1e-3",
    )
    plan = planned(world, *overrides)
    assert sorted(choice_round.label for choice_round in plan.rounds) == labels
    keys = [key for choice_round in plan.rounds for key in choice_round.nodes()]
    specs = [spec_at(plan.nodes, key, TrainSpec) for key in keys]
    assert {(spec.name, "+".join(learned.name for learned in spec.start.learned)) for spec in specs} == trainings
    assert len(keys) == 3 * len(trainings)


def test_a_choice_for_a_method_takes_the_mean_over_targets_and_seeds(world: World, tmp_path: Path) -> None:
    overrides = (*TUNED, "sweep.target=[moods, claims]", "tune.seeds=[101, 102]")
    plan = planned(world, *overrides)
    assert all(len(candidate.nodes) == 4 for choice_round in plan.rounds for candidate in choice_round.candidates)
    assert "the mean of 4 trainings" in plan.rounds[0].rule
    store = Store(tmp_path / "store")
    finished(store, plan, SCORES, {})
    assert dict(chooser_of(plan.recipe).choose(plan.rounds[0], store, ()).scores) == {
        "lr=0.0001": 50.0,
        "lr=0.001": 80.0,
        "lr=0.01": 60.0,
    }


def test_a_tie_goes_to_the_lower_training_loss_and_then_to_the_first(world: World, tmp_path: Path) -> None:
    even: dict[float, list[float | None]] = {1e-4: [50.0], 1e-3: [50.0], 1e-2: [50.0]}
    plan = choose(world, tmp_path / "a", even, *TUNED, losses={1e-4: 0.7, 1e-3: 0.6, 1e-2: 0.6})
    assert {each.chosen for each in searched(plan)} == {"lr=0.001"}
    plan = choose(world, tmp_path / "b", even, *TUNED)
    assert {each.chosen for each in searched(plan)} == {"lr=0.0001"}


def test_a_trial_without_a_score_is_not_chosen(world: World, tmp_path: Path) -> None:
    plan, store = planned(world, *TUNED), Store(tmp_path / "store")
    finished(store, plan, {**SCORES, 1e-3: [None, None]}, {})
    chosen = chooser_of(plan.recipe).choose(plan.rounds[0], store, ())
    assert (chosen.values, chosen.scores["lr=0.001"]) == (("lr=0.01",), None)
    store = Store(tmp_path / "none")
    finished(store, plan, {rate: [None] for rate in SCORES}, {})
    with pytest.raises(NodeError, match="full: tiny: no trial has a development score"):
        chooser_of(plan.recipe).choose(plan.rounds[0], store, ())


def test_a_trial_whose_intermediate_diverged_is_lost(world: World, tmp_path: Path) -> None:
    overrides = (*TUNED, "tune.per=intermediate", "sweep.method=[lora]", "sweep.intermediate=[claims]")
    plan, store, choices = planned(world, *overrides), Store(tmp_path / "store"), Choices(tmp_path / "store")
    (choice_round,) = plan.rounds
    last = spec_at(plan.nodes, choice_round.nodes()[2], TrainSpec)
    store.failures.add(last.start.learned[0].key, {"node": "", "error": "not finite", "diverged": "yes"})
    lost = without_result(plan.nodes, store)
    assert lost == {last.start.learned[0].key, choice_round.nodes()[2]}
    assert not lost & {node.key for node in replace(plan, diverged=lost).wanted(())}
    finished(store, plan, SCORES, {}, lost)
    (closed,), problems = close(plan, chooser_of(plan.recipe), store, choices)
    assert not problems
    assert closed.chosen is not None
    assert (closed.chosen.value, closed.chosen.scores["lr=0.01"]) == ("lr=0.001", None)


def test_the_edge_of_a_search_is_told(world: World, tmp_path: Path) -> None:
    plan = choose(world, tmp_path / "store", {**SCORES, 1e-2: [90.0]}, *TUNED)
    (first, _) = searched(plan)
    assert first.edges() == ["lr=0.01 is the largest value tried; a larger lr may be better: widen the search"]
    assert not searched(choose(world, tmp_path / "other", SCORES, *TUNED))[0].edges()


HALVING = (
    "methods.full.lr={search: [1e-4, 3e-4, 1e-3, 1e-2]}",
    "methods.lora.lr={search: [1e-4, 3e-4, 1e-3, 1e-2]}",
    *TUNED[2:],
    "tune={sampler: halving, budget: 4}",
    "train.epochs=4",
)


def test_halving_trains_the_better_half_further(world: World, tmp_path: Path) -> None:
    store, choices = Store(tmp_path / "store"), Choices(tmp_path / "store")
    shares = []
    scores: dict[float, list[float | None]] = {1e-4: [10.0], 3e-4: [40.0], 1e-3: [30.0], 1e-2: [20.0]}
    for _ in range(3):
        plan = planned(world, *HALVING, choices=choices)
        opened = [choice_round for choice_round in plan.rounds if choice_round.chosen is None]
        specs = [spec_at(plan.nodes, key, TrainSpec) for key in opened[0].nodes()]
        shares.append([(spec.until, spec.hyperparameters.lr) for spec in specs])
        finished(store, plan, scores, {})
        for choice_round in opened:
            choices.make(choice_round, chooser_of(plan.recipe).choose(choice_round, store, ()))
    assert shares == [
        [(0.25, 1e-4), (0.25, 3e-4), (0.25, 1e-3), (0.25, 1e-2)],
        [(0.5, 3e-4), (0.5, 1e-3)],
        [(None, 3e-4)],
    ]
    plan = planned(world, *HALVING, choices=choices)
    assert {each.chosen for each in searched(plan)} == {"lr=0.0003"}
    whole = planned(world, "methods.full.lr=3e-4", "methods.lora.lr=3e-4", *TUNED[2:], "train.epochs=4")
    assert {cell.score for cell in plan.cells} == {cell.score for cell in whole.cells}


def test_a_beginning_costs_its_share_and_the_rest_is_resumed(world: World, tmp_path: Path) -> None:
    store, choices = Store(tmp_path / "store"), Choices(tmp_path / "store")
    scores: dict[float, list[float | None]] = {1e-4: [10.0], 3e-4: [40.0], 1e-3: [30.0], 1e-2: [20.0]}
    for _ in range(2):
        plan = planned(world, *HALVING, choices=choices)
        finished(store, plan, scores, {})
        for choice_round in plan.rounds:
            if choice_round.chosen is None:
                choices.make(choice_round, chooser_of(plan.recipe).choose(choice_round, store, ()))
    plan = planned(world, *HALVING, choices=choices)
    costs = estimate(plan, lambda _: None)
    by_share = {
        spec.until: costs[node.key].flops
        for node in of(plan.nodes, TrainSpec)
        for spec in [node.spec]
        if spec.module.whole and spec.hyperparameters.lr == 3e-4
    }
    assert by_share[0.25] == pytest.approx(by_share[0.5])  # each a quarter
    assert by_share[None] == pytest.approx(2 * (by_share[0.25] or 0.0))


STAGED = (*TUNED, "methods.full={module: full, lr: {search: [1e-4, 1e-3, 1e-2], default: 5e-4}}")


@pytest.mark.parametrize("stage", ["target", "intermediate"])
def test_the_values_of_one_stage_leave_the_other_as_it_is(world: World, tmp_path: Path, stage: str) -> None:
    overrides = (*STAGED, f"tune.stage={stage}")
    plan = choose(world, tmp_path / "store", SCORES, *overrides)
    rates = {
        (spec.module.name, bool(spec.start.learned), spec.name): spec.hyperparameters.lr
        for cell in plan.cells
        for key in (cell.train or "",)
        for spec in [spec_at(plan.nodes, key, TrainSpec)]
        if cell.intermediate == "claims"
    }
    before = {
        spec_at(plan.nodes, learned.key, TrainSpec).hyperparameters.lr
        for cell in plan.cells
        if cell.method == "full"
        for learned in spec_at(plan.nodes, cell.train or "", TrainSpec).start.learned
    }
    tuned, default = 1e-3, 5e-4
    assert rates["full", True, "moods"] == (tuned if stage == "target" else default)
    assert before == {default if stage == "target" else tuned}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("methods.lora.lr={search: [1e-4]}",), "methods.lora.lr.search: has fewer than two values"),
        (("methods.lora.lr={search: [1e-4, 1e-4]}",), "names a value twice"),
        (("methods.lora.lr={search: [1e-4, fast]}",), "methods.lora.lr.search"),
        (("methods.lora.lr={search: {low: 1e-3, high: 1e-4}}",), "low (0.001) is not below high (0.0001)"),
        (("methods.lora.lr={search: {low: 0, high: 1e-4, log: true}}",), "a logarithm needs numbers above 0"),
        (("methods.lora.lr={search: [1e-4, 1e-3, 100]}",), "methods.lora.lr: 100 does not fit"),
        (("methods.lora.lr={search: [1e-4, 1e-3]}",), "methods.lora: the search has 2 values, but another"),
        (("tune.budget=4",), "methods.full: the search has 3 values, but tune.budget is 4"),
        (("methods.lora.lr=1e-3",), "methods.lora: has no search, but other methods are tuned"),
        (("tune.untuned=[lora]",), "tune.untuned[0]: lora has a search"),
        (("tune.untuned=[lorra]",), "did you mean 'lora'?"),
        (("methods.lora.rank={search: [2, 4, 8]}", "methods.lora.lr=1e-3", "tune.stage=target"), "the same in both"),
        (("tune={stage: intermediate, per: target}",), "tune.per: an intermediate is trained without a target"),
        (("train.select=null",), "train.select: null evaluates nothing"),
        (("train.select={split: test}",), "train.select.split: test is not allowed with tuning"),
        (("tune.sampler=random",), "methods.full: tune.sampler random needs tune.budget"),
        (("methods.lora.lr={search: {low: 1e-4, high: 1e-2}}",), "methods.lora: a grid of ranges is not defined"),
        (("eval.split=validation",), "tuning would choose by scored data (validation en)"),
        (("tasks.moods.select={language: sw}", "tasks.moods.files.validation={sw: moods/sw.jsonl}"), "those in sw"),
        (("baseline=lora",), "baseline: 'lora' is no method of the sweep that trains the whole encoder"),
        (("tasks.moods.select={split: test}",), "by test scores"),
        (("tasks.moods.select=null",), "select: null evaluates nothing"),
        (("train.select={average: last-1}",), "write last-5"),
        (("train.select={average: last-5, patience: 2}",), "remove one of both"),
    ],
)  # fmt: skip
def test_what_is_refused(world: World, overrides: tuple[str, ...], message: str) -> None:
    found = problems(world, *TUNED, *overrides)
    assert any(message in problem for problem in found), found


def test_all_mistakes_are_told_at_once(world: World) -> None:
    found = problems(world, *TUNED, "methods.lora.lr={search: [1e-4, 1e-3]}", "train.select=null", "tune.untuned=[x]")
    assert len(found) == 3


def test_a_mistyped_search_is_recognised(world: World) -> None:
    found = problems(world, TUNED[0], "methods.lora.lr={serch: [1e-4, 1e-3, 1e-2]}", *TUNED[2:])
    assert any("did you mean 'search'?" in problem for problem in found), found


@pytest.mark.parametrize("wrong", ["3", "[1e-4]", "[1e-4, 1e-3, 100]", "{low: 1e-3, high: 1e-4}"])
def test_a_wrong_search_is_told_once(world: World, wrong: str) -> None:
    (found,) = problems(world, TUNED[0], f"methods.lora.lr={{search: {wrong}}}", *TUNED[2:])
    assert found.startswith("methods.lora.lr")


FUSED = (
    f"methods.mix={{module: lora, compose: {{name: fuse, lr: {RATES}}}}}",
    "sweep.method=[mix]",
    "sweep.intermediate=[none, claims]",
    "sweep.exclude=[]",
)


def test_a_search_that_decides_nothing_is_refused(world: World) -> None:
    (found,) = problems(world, *FUSED)
    assert "compose.lr=0.0001 and compose.lr=0.001 are the same training (tiny)" in found
    (found,) = problems(world, *FUSED, f"methods.mix.lr={RATES}")
    assert "are the same training" in found, "a part of the search has no effect"


def test_a_search_that_matters_after_an_intermediate_alone_is_settled_without_one(world: World) -> None:
    plan = planned(world, *FUSED, "tune.per=intermediate")
    assert [choice_round.label for choice_round in plan.rounds] == ["mix: tiny, moods after claims"]
    assert {cell.intermediate for cell in plan.cells} == {"none"}
    assert {cell.intermediate for cell in plan.pending} == {"claims"}


def test_a_recipe_without_searches_has_nothing_to_tune(world: World) -> None:
    plan = planned(world, "tune.budget=3")
    assert "tune has no effect: no method has a search" in plan.notes
    assert not plan.rounds
    assert searched(plan) == []


def test_methods_with_equal_trials_share_them_and_are_both_told(world: World, tmp_path: Path) -> None:
    """Without an intermediate, a warm start and a stack are the same training."""
    both = (*TUNED[1:2], f"methods.stack.lr={RATES}", "sweep.method=[lora, stack]", "sweep.exclude=[]")
    before = planned(world, *both)
    first, second = before.rounds
    assert first.key == second.key
    assert (first.label, second.label) == ("lora: tiny", "stack: tiny")
    waiting = next(cell for cell in before.pending if (cell.method, cell.intermediate) == ("stack", "claims"))
    below = [before.possible[key].label for key in before.possible if "after claims" in before.possible[key].label]
    assert any("tiny/stack (lr=0.001) after claims" in label for label in below), (waiting, below)
    plan = choose(world, tmp_path / "store", SCORES, *both)
    assert [(each.method, each.chosen) for each in searched(plan)] == [("lora", "lr=0.001"), ("stack", "lr=0.001")]


def test_values_that_look_alike_are_two_trials(world: World) -> None:
    plan = planned(world, *TUNED[:1], "methods.lora.lr={search: [1e-4, 1.00000001e-4, 1e-2]}", *TUNED[2:])
    names = [candidate.value for candidate in plan.rounds[1].candidates]
    assert names == ["lr=0.0001", "lr=0.000100000001", "lr=0.01"]


def test_epochs_of_a_method_count_for_all_its_trainings(world: World) -> None:
    plan = planned(world, "methods.lora.epochs=7")
    epochs = {(node.label.split()[2], node.spec.hyperparameters.epochs) for node in of(plan.nodes, TrainSpec)}
    assert {("tiny/lora", 7.0), ("tiny/full", 2.0)} <= epochs
    assert ("tiny/lora", 2.0) not in epochs


def test_the_baseline_is_the_tuned_full_method_or_the_named_one(world: World) -> None:
    two = ("methods.other={module: full, lr: 1e-4}", "sweep.method=[other, full, lora]", "sweep.exclude=[]")
    assert load(world.recipe(), two).baseline() == "other"
    assert load(world.recipe(), (*two, "baseline=full")).baseline() == "full"
    tuned = (*two, *TUNED[:2], "tune.untuned=[other]")
    assert load(world.recipe(), tuned).baseline() == "full"
    assert load(world.recipe(), (*tuned, "baseline=other")).baseline() == "other"


SEARCH = RangeSearch.model_validate({"search": {"low": 1e-5, "high": 1e-2, "log": True}})


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_draws_are_of_the_range_each_once_and_the_same_again(seed: int, budget: int) -> None:
    ranks = RangeSearch.model_validate({"search": {"low": 2, "high": 64, "log": True}})
    searches = {("lr",): SEARCH, ("rank",): ranks}
    drawn = points(searches, budget, "random", seed)
    assert drawn == points(searches, budget, "random", seed)
    assert len({tuple(point.values()) for point in drawn}) == budget
    for point in drawn:
        assert 1e-5 <= point["lr",] <= 1e-2
        assert float(f"{point['lr',]:.2g}") == point["lr",]
        assert isinstance(point["rank",], int)
        assert 2 <= point["rank",] <= 64


def test_log_draws_are_even_over_the_decades() -> None:
    rates = [point["lr",] for point in points({("lr",): SEARCH}, 400, "random", 0)]
    counts = [sum(low <= rate < 10 * low for rate in rates) for low in (1e-5, 1e-4, 1e-3)]
    assert min(counts) > 80, counts


def test_a_grid_of_one_range_is_even(world: World) -> None:
    assert [point["lr",] for point in points({("lr",): SEARCH}, 4, "grid", 0)] == [1e-5, 1e-4, 1e-3, 1e-2]
    recipe = load(
        world.recipe(), (*TUNED, "methods.lora.rank={search: [2, 4]}", "methods.full.dropout={search: [0.0, 0.1]}")
    )
    assert [trial.name for trial in recipe.tuned["lora"].trials][:2] == ["lr=0.0001 rank=2", "lr=0.0001 rank=4"]
    assert len(recipe.tuned["full"].trials) == 6


def test_the_order_of_methods_changes_no_choice(world: World, tmp_path: Path) -> None:
    plan = choose(world, tmp_path / "a", SCORES, *TUNED)
    other = choose(world, tmp_path / "b", SCORES, *TUNED, "sweep.method=[lora, full]")
    assert {cell.score for cell in plan.cells} == {cell.score for cell in other.cells}
    assert {choice_round.key for choice_round in plan.rounds} == {choice_round.key for choice_round in other.rounds}


def test_a_damaged_choice_is_made_again(world: World, tmp_path: Path) -> None:
    plan = choose(world, tmp_path / "store", SCORES, *TUNED)
    choices = Choices(tmp_path / "store")
    first = plan.rounds[0]
    for file in (tmp_path / "store" / "choices").glob("*.json"):
        file.write_text("{", encoding="utf-8")
    assert planned(world, *TUNED, choices=choices).pending
    choices.make(first, RoundResult(("lr=0.01",), {"lr=0.01": 1.0}))
    again = planned(world, *TUNED, choices=choices)
    assert [each.chosen for each in searched(again)] == ["lr=0.01", None]


def test_a_target_without_a_training_takes_the_development_score_of_its_intermediate(world: World) -> None:
    """A composition that trains nothing on top: the head is that of the intermediate."""
    overrides = (
        f"methods.direct={{module: lora, compose: {{name: stack, on_top: none}}, lr: {RATES}}}",
        "sweep.method=[direct]",
        "sweep.intermediate=[claims]",
        "sweep.exclude=[]",
        "tune.per=target",
    )
    (choice_round,) = planned(world, *overrides).rounds
    assert choice_round.label == "direct: tiny, moods"
    plan = planned(world, *overrides)
    names = {spec_at(plan.nodes, key, TrainSpec).name for key in choice_round.nodes()}
    assert names == {"claims"}


def test_a_choice_is_made_without_an_intermediate_wherever_none_stands(world: World) -> None:
    plan = planned(world, *TUNED, "sweep.intermediate=[claims, none]")
    keys = [key for choice_round in plan.rounds for key in choice_round.nodes()]
    assert not any(spec_at(plan.nodes, key, TrainSpec).start.learned for key in keys)
    plan = planned(world, *TUNED, "sweep.intermediate=[claims]")
    keys = [key for choice_round in plan.rounds for key in choice_round.nodes()]
    assert all(spec_at(plan.nodes, key, TrainSpec).start.learned for key in keys)


def test_halving_keeps_the_larger_half(world: World) -> None:
    odd = [override.replace("1e-3, 1e-2]", "1e-3, 3e-3, 1e-2]").replace("4}", "5}") for override in HALVING]
    assert [choice_round.keeps for choice_round in planned(world, *odd).rounds] == [3, 3]


def test_a_candidate_that_lost_one_of_its_trainings_has_no_score(world: World, tmp_path: Path) -> None:
    plan, store = planned(world, *TUNED, "tune.seeds=[101, 102]"), Store(tmp_path / "store")
    lost = plan.rounds[0].candidates[1].nodes[1]
    finished(store, plan, SCORES, {}, frozenset({lost}))
    chosen = chooser_of(plan.recipe).choose(plan.rounds[0], store, {lost})
    assert chosen.scores == {"lr=0.0001": 50.0, "lr=0.001": None, "lr=0.01": 60.0}
    assert chosen.values == ("lr=0.01",)
