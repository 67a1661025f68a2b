"""The recipes that answer a question: what their heads say is equal is equal, and what is compared differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from layover.plan import build
from layover.plan.data import DataRules
from layover.plan.hub import Revisions
from layover.plan.nodes import of, spec_at
from layover.recipe import Recipe, load
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec
from layover.store import FileHashes

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def offline() -> Revisions:
    revisions = Revisions()
    revisions.offline = True
    return revisions


def sizes(recipe: Recipe, tasks: tuple[str, ...]) -> dict[str, int]:
    """Return how many training examples of each task are used."""
    rules = DataRules(recipe, offline(), FileHashes())
    found = {}
    for name in tasks:
        portion = rules.train(recipe.tasks[name])
        assert portion.count is not None
        found[name] = min(portion.count, portion.subset.limit or portion.count)
    return found


EQUAL = ("adversarial-data", "domains", "sandbox/adversarial-data", "sandbox/copa", "sandbox/domains", "sandbox/length")


@pytest.mark.parametrize("name", EQUAL)
def test_intermediates_are_equally_large(name: str) -> None:
    recipe = load(RECIPES / f"{name}.yaml")
    found = sizes(recipe, recipe.document.sweep.learned())
    assert len(found) > 1
    assert len(set(found.values())) == 1, found


def test_a_limit_of_an_intermediate_is_not_one_of_the_target() -> None:
    assert sizes(load(RECIPES / "adversarial-data.yaml"), ("xnli",)) == {"xnli": 392_702}


@pytest.mark.parametrize("name", ["adversarial-data", "domains", "length", "xcopa"])
def test_they_are_planned_without_a_network(name: str) -> None:
    recipe = load(RECIPES / f"{name}.yaml")
    plan = build(recipe, FileHashes(), offline())
    sweep = recipe.document.sweep
    methods, intermediates = len(sweep.method), len(sweep.intermediate)
    # a stack without an intermediate is the same training as the LoRA without one
    combinations = (methods * intermediates - 1) * len(sweep.target)
    assert len(plan.cells) == combinations * len(sweep.model) * len(sweep.seed)
    baselines = {cell.baseline for cell in plan.cells if cell.baseline is not None}
    assert baselines <= set(plan.nodes), "every gain has what it is measured against"


def test_lengths_differ_and_nothing_else() -> None:
    plan = build(load(RECIPES / "length.yaml"), FileHashes(), offline())
    trained: dict[str, TrainSpec] = {}
    for node in of(plan.nodes, TrainSpec):
        if node.spec.name.startswith(("squad_", "cosmos_")):
            trained[node.spec.name] = node.spec
    read = {name: spec_at(plan.nodes, spec.tasks[0].data, TokenizeSpec) for name, spec in trained.items()}
    assert {name: spec.max_length for name, spec in read.items()} == {
        "squad_128": 128,
        "squad_256": 256,
        "squad_384": 384,
        "cosmos_64": 64,
        "cosmos_128": 128,
        "cosmos_256": 256,
    }
    for prefix in ("squad_", "cosmos_"):
        alike = [spec for name, spec in read.items() if name.startswith(prefix)]
        assert len({(spec.location.describe(), spec.subset, spec.stride) for spec in alike}) == 1
    assert len({spec.hyperparameters.epochs for spec in trained.values()}) == 1
