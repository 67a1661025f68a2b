"""Plans of perturbed test sets: keys of their own, no part in choices, costs that are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from layover import specs
from layover.estimates.cost import bound, estimate
from layover.plan import Plan
from layover.plan.nodes import of, spec_at
from layover.plan.rounds import whole
from layover.specs.predict import PredictSpec
from layover.specs.score import ScoreSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

NARROW = ("sweep.method=[lora]", "sweep.exclude=[]", "sweep.target=[claims]", "sweep.intermediate=[none, moods]")
PERTURBED = "eval.perturb=[typos-10, words-20]"


def data_of(plan: Plan, score: str) -> dict[str, TokenizeSpec]:
    scored = spec_at(plan.nodes, score, ScoreSpec)
    return {language: spec_at(plan.nodes, key, TokenizeSpec) for language, (_, key) in scored.predictions.items()}


def test_the_clean_nodes_keep_their_keys(world: World) -> None:
    clean, both = world.plan(*NARROW), world.plan(*NARROW, PERTURBED)
    assert set(clean.nodes) < set(both.nodes)
    assert [cell.score for cell in clean.cells] == [cell.score for cell in both.cells]
    assert {node.kind for key, node in both.nodes.items() if key not in clean.nodes} == {"tokenize", "predict", "score"}
    assert all(not cell.perturbed for cell in clean.cells)


def test_every_cell_has_the_same_perturbed_test_sets(world: World) -> None:
    plan = world.plan(*NARROW, PERTURBED)
    assert {tuple(label for label, _ in cell.perturbed) for cell in plan.cells} == {("typos-10", "words-20")}
    for place, label in enumerate(("typos-10", "words-20")):
        keys = {tuple(spec.key for spec in data_of(plan, cell.perturbed[place][1]).values()) for cell in plan.cells}
        assert len(keys) == 1
        for language, spec in data_of(plan, plan.cells[0].perturbed[place][1]).items():
            assert spec.perturbed is not None
            assert (spec.perturbed.perturbation.label, spec.perturbed.language) == (label, language)
    with_baseline = [cell for cell in plan.cells if cell.baseline is not None]
    own = {cell.label: dict(cell.perturbed) for cell in plan.cells}
    for cell in with_baseline:
        assert dict(cell.baseline_perturbed) == own[cell.label.replace("/moods/", "/none/")]
    labels = {node.label for node in plan.nodes.values()}
    assert "tokenize claims test sw typos-10" in labels
    assert "score claims tiny/lora/none seed 1 words-20" in labels


def test_seed_rate_and_language_are_in_the_key(world: World) -> None:
    def keys(*overrides: str) -> list[str]:
        (first, *_) = world.plan(*NARROW, *overrides).cells
        return [key for _, key in first.perturbed]

    usual = keys("eval.perturb=[typos-10]")
    assert keys("eval.perturb=[typos-10]", "eval.perturb_seed=1") == usual
    assert keys("eval.perturb=[typos-10]", "eval.perturb_seed=2") != usual
    assert keys("eval.perturb=[typos-20]") != usual
    assert keys("eval.perturb=[words-10, typos-10]")[1:] == usual, "other perturbations are of no effect"
    plan = world.plan(*NARROW, PERTURBED)
    sets = [node.spec for node in of(plan.nodes, TokenizeSpec) if node.spec.perturbed is not None]
    assert len({spec.key for spec in sets}) == len(sets) == 4
    for spec in sets:
        assert specs.parse(spec.canonical()).key == spec.key
        assert "perturbed" in spec.canonical()


def test_a_task_has_a_list_of_its_own(world: World) -> None:
    plan = world.plan(*NARROW, PERTURBED, "tasks.claims.eval.perturb=[case-5]")
    assert {tuple(label for label, _ in cell.perturbed) for cell in plan.cells} == {("case-5",)}
    plan = world.plan(*NARROW, PERTURBED, "tasks.claims.eval.perturb=[]")
    assert {cell.perturbed for cell in plan.cells} == {()}


def test_no_training_and_no_selection_reads_a_perturbed_set(world: World) -> None:
    plan = world.plan(*NARROW, PERTURBED)
    perturbed = {node.key for node in of(plan.nodes, TokenizeSpec) if node.spec.perturbed is not None}
    for node in of(plan.nodes, TrainSpec):
        assert not perturbed & {*node.needs, *node.spec.read_keys()}
    for node in of(plan.nodes, ScoreSpec):
        assert not perturbed & {data for _, data in node.spec.tuning().values()}


def test_a_threshold_is_that_of_the_clean_texts(world: World) -> None:
    for name in ("train", "dev", "en", "sw"):
        world.ask(f"q/{name}.json", name)
    task = (
        "  asked: {kind: span, labels: [no answer], train_language: en,\n"
        "    files: {train: q/train.json, validation: q/dev.json, test: {en: q/en.json, sw: q/sw.json}}}\n"
    )
    narrow = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]")

    def change(text: str) -> str:
        return text.replace("tasks:\n", f"tasks:\n{task}").replace("target: [moods]", "target: [asked]")

    for more in ((), ("tasks.asked.no_answer=scored",)):
        plan = world.plan(*narrow, PERTURBED, *more, change=change)
        (cell,) = plan.cells
        clean = spec_at(plan.nodes, cell.score, ScoreSpec)
        assert clean.tuning()
        for _, key in cell.perturbed:
            scored = spec_at(plan.nodes, key, ScoreSpec)
            assert scored.tuning() == clean.tuning()
            assert scored.predictions != clean.predictions


def test_entity_tags_are_in_the_key(world: World) -> None:
    rows = '{"tokens": ["Eva", "slept"], "tags": ["B-PER", "O"]}\n'
    for name in ("train", "dev", "en"):
        path = world.root / "data" / "names" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows, encoding="utf-8")

    def change(labels: str, more: str = "") -> Any:
        task = (
            f"  names: {{kind: tagging, labels: [{labels}], tokens: tokens, tags: tags, train_language: en{more},\n"
            "    files: {train: names/train.jsonl, validation: names/dev.jsonl, test: {en: names/en.jsonl}}}\n"
        )
        return lambda text: text.replace("tasks:\n", f"tasks:\n{task}").replace("target: [moods]", "target: [names]")

    narrow = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]")
    plan = world.plan(*narrow, "eval.perturb=[typos-10]", change=change("B-PER, I-PER, O"))
    (spec,) = data_of(plan, plan.cells[0].perturbed[0][1]).values()
    assert spec.perturbed is not None
    assert spec.perturbed.outside == ("O",)


def test_costs_count_the_predictions(world: World) -> None:
    clean, both = world.plan(*NARROW), world.plan(*NARROW, PERTURBED)

    def flops(plan: Plan) -> float:
        costs = estimate(plan, lambda _: None)
        return sum(costs[node.key].flops or 0.0 for node in of(plan.nodes, PredictSpec))

    assert flops(both) == pytest.approx(3 * flops(clean))
    assert len(both.wanted([])) == len(both.nodes)
    finished = [cell.score for cell in both.cells]
    assert {node.kind for node in both.wanted(finished)} >= {"predict", "score"}, "a clean score is not all"


def test_pending_cells_count_their_perturbed_scores(world: World) -> None:
    searched = ("methods.lora.lr={search: [1e-4, 4e-4]}",)
    clean, both = world.plan(*NARROW, *searched), world.plan(*NARROW, *searched, PERTURBED)
    assert clean.pending
    assert all(len(keys) == 3 for cell in both.pending for keys in cell.candidates())
    costs = [estimate(whole(plan), lambda _: None) for plan in (clean, both)]
    bounds = [bound(plan, cost) for plan, cost in zip((clean, both), costs, strict=True)]
    assert len(bounds[1]) > len(bounds[0])
    assert {key for cell in both.pending for keys in cell.candidates() for key in keys} <= set(both.possible)
