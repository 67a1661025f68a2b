"""How long a training goes on and in which order it reads its data: where each number comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover import modules, tasks
from layover.plan import Plan
from layover.plan.nodes import of
from layover.specs import Hyperparameters
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

SENTENCE = "Two\tNUM\nbirds\tNOUN\nsing\tVERB\n\n"


def plan_of(world: World, *overrides: str, train: str = "batch: 8") -> Plan:
    """Return a plan of two methods over a task of one's own and parts of speech; `train` says no epochs itself."""
    for split in ("train", "dev"):
        (world.root / "data" / "udpos").mkdir(exist_ok=True)
        (world.root / "data" / "udpos" / f"{split}-en.tsv").write_text(SENTENCE * 2, encoding="utf-8")
    narrow = ("sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]", "eval.split=validation")
    given = [one for one in overrides if one.startswith("sweep.method")] or ["sweep.method=[lora, bn]"]
    rest = [one for one in overrides if not one.startswith("sweep.method")]

    def change(text: str) -> str:
        text = text.replace("batch: 8, epochs: 2", train)
        text = text.replace("target: [moods]", "target: [moods, udpos]")
        text = text.replace(", test: {en: moods/en.jsonl}", "")
        return text.replace("  stack:", "  bn: {module: bottleneck}\n  stack:")

    return world.plan(*narrow, *given, *rest, "eval.languages=[en]", change=change)


def epochs(plan: Plan) -> dict[tuple[str, str], float]:
    """Return the epochs by task and module."""
    trained = [node.spec for node in of(plan.nodes, TrainSpec)]
    return {(one.name, one.module.name): one.hyperparameters.epochs for one in trained}


def test_the_defaults_are_those_of_the_field() -> None:
    """XTREME's scripts: 10 epochs of POS and PAN-X, 2e-5 for all weights; AdapterHub's: 10 epochs at 1e-4."""
    assert {name: tasks.get(name).epochs for name in tasks.names() if tasks.get(name).epochs} == {
        "udpos": 10,
        "panx": 10,
    }
    full, bottleneck, lora = (modules.get(name) for name in ("full", "bottleneck", "lora"))
    assert (full.default_lr, full.default_epochs) == (2e-5, 3)
    assert (bottleneck.default_lr, bottleneck.default_epochs) == (1e-4, 10)
    assert (lora.default_lr, lora.default_epochs) == (3e-4, 3)


def test_without_a_number_the_larger_of_the_modules_and_the_tasks_counts(world: World) -> None:
    assert epochs(plan_of(world)) == {
        ("moods", "lora"): 3,
        ("moods", "bottleneck"): 10,
        ("udpos", "lora"): 10,
        ("udpos", "bottleneck"): 10,
    }


def test_a_number_of_the_recipe_goes_before_the_defaults_and_the_tasks_before_trains(world: World) -> None:
    found = epochs(plan_of(world, train="batch: 8, epochs: 2"))
    assert set(found.values()) == {2}
    for train in ("batch: 8", "batch: 8, epochs: 20"):
        found = epochs(plan_of(world, "tasks.udpos.epochs=1.5", train=train))
        assert {value for (task, _), value in found.items() if task == "udpos"} == {1.5}
    assert found["moods", "lora"] == found["moods", "bottleneck"] == 20


def test_a_target_takes_the_epochs_of_the_task_it_trains_on(world: World) -> None:
    labels = ", ".join(tasks.get("udpos").labels)
    files = "{test: {en: udpos/dev-en.tsv}}"
    like = f"tasks.like={{kind: tagging, labels: [{labels}], train_task: udpos, files: {files}}}"
    overrides = (like, "sweep.target=[like]", "eval.split=test", "sweep.method=[lora]")
    assert epochs(plan_of(world, *overrides)) == {("like", "lora"): 10}
    assert epochs(plan_of(world, *overrides, "tasks.udpos.epochs=4")) == {("like", "lora"): 4}
    assert epochs(plan_of(world, *overrides, "tasks.udpos.epochs=4", "tasks.like.epochs=5")) == {("like", "lora"): 5}


@pytest.mark.parametrize(
    ("train", "mixture", "expected"),
    [
        ("batch: 8", "", {"lora": 3, "bottleneck": 10}),
        ("batch: 8, epochs: 4", "", {"lora": 4, "bottleneck": 4}),
        ("batch: 8, epochs: 4", ", epochs: 6", {"lora": 6, "bottleneck": 6}),
    ],
)
def test_a_mixture_has_its_own_number_then_trains_then_the_modules(
    world: World, train: str, mixture: str, expected: dict[str, float]
) -> None:
    mixtures = f"mixtures={{both: {{tasks: [claims, moods]{mixture}}}}}"
    plan = plan_of(world, mixtures, "sweep.intermediate=[both]", train=train)
    found = {
        node.spec.module.name: node.spec.hyperparameters.epochs
        for node in of(plan.nodes, TrainSpec)
        if node.spec.sampling is not None
    }
    assert found == expected


def test_batches_are_drawn_at_random_unless_the_recipe_sorts(world: World) -> None:
    def trainings(*overrides: str) -> dict[str, int]:
        """Return the bucket that the loop is told, by key."""
        plan = plan_of(world, *overrides, "mixtures={both: {tasks: [claims, moods]}}", "sweep.intermediate=[both]")
        trained = list(of(plan.nodes, TrainSpec))
        assert all(node.spec.canonical()["bucket"] == node.spec.hyperparameters.bucket for node in trained)
        return {node.key: node.spec.hyperparameters.bucket for node in trained}

    plain, sorted_ones = trainings(), trainings("train.bucket=16")
    assert set(plain.values()) == {1} == {Hyperparameters(lr=1, epochs=1, batch=1, seed=0).bucket}
    assert set(sorted_ones.values()) == {16}
    assert not set(plain) & set(sorted_ones), "the order decides the weights"
    assert trainings("train.bucket=1") == plain
