"""Class weights in the keys of trainings: those that weigh, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError
from layover.plan import Plan
from layover.plan.nodes import of
from layover.specs import parse
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

BALANCED = "tasks.moods.class_weights=balanced"
FOUND = """\
  found: {kind: classification, labels: from training, text: [text], train_language: en,
          files: {train: moods/train.jsonl, validation: moods/dev.jsonl, test: {en: moods/en.jsonl}}}
"""


def keys(plan: Plan, kind: str) -> set[str]:
    return {key for key, node in plan.nodes.items() if node.kind == kind}


def weights(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in of(plan.nodes, TrainSpec):
        for task in node.spec.tasks:
            found.setdefault(task.name, set()).add(repr(task.class_weights))
    return found


def test_only_trainings_that_weigh_have_other_keys(world: World) -> None:
    plain, balanced = world.plan(), world.plan(BALANCED)
    assert weights(balanced) == {"moods": {"'balanced'"}, "claims": {"None"}}
    assert keys(plain, "tokenize") == keys(balanced, "tokenize")
    kept = {node.key for node in of(plain.nodes, TrainSpec) if node.spec.name == "claims"}
    assert kept == keys(plain, "train") & keys(balanced, "train")
    assert not keys(plain, "score") & keys(balanced, "score")


@pytest.mark.parametrize("same", ["null", "{no: 1}", "{no: 1.0, yes: 1}"])
def test_what_weighs_nothing_is_no_part_of_a_key(world: World, same: str) -> None:
    assert world.plan().nodes.keys() == world.plan(f"tasks.moods.class_weights={same}").nodes.keys()
    over = world.plan("train.class_weights=balanced", f"tasks.moods.class_weights={same}", "sweep.intermediate=[none]")
    assert over.nodes.keys() == world.plan("sweep.intermediate=[none]").nodes.keys()


def test_those_of_a_task_go_before_those_of_all(world: World) -> None:
    all_of_them = world.plan("train.class_weights=balanced")
    assert weights(all_of_them) == {"moods": {"'balanced'"}, "claims": {"'balanced'"}}
    own = world.plan("train.class_weights=balanced", "tasks.moods.class_weights={yes: 3, no: 1}")
    assert weights(own) == {"moods": {"{'yes': 3.0}"}, "claims": {"'balanced'"}}
    order = [world.plan(f"tasks.moods.class_weights={{{one}}}") for one in ("no: 2, yes: 3", "yes: 3, no: 2.0")]
    assert order[0].nodes.keys() == order[1].nodes.keys()


def test_a_task_that_trains_on_another_has_its_weights(world: World) -> None:
    def change(text: str) -> str:
        own = "  further: {kind: classification, labels: [no, yes], text: [text], train_task: moods,\n"
        own += "            files: {test: {en: moods/en.jsonl}}}\n"
        return text.replace("sweep:", f"{own}sweep:").replace("target: [moods]", "target: [further]")

    assert weights(world.plan(BALANCED, change=change))["further"] == {"'balanced'"}
    other = world.plan(BALANCED, "tasks.further.class_weights={no: 2}", change=change)
    assert weights(other)["further"] == {"{'no': 2.0}"}


def test_each_task_of_a_mixture_has_its_own(world: World) -> None:
    def change(text: str) -> str:
        mixed = "mixtures: {both: {tasks: [claims, moods]}}\nsweep:"
        return text.replace("sweep:", mixed).replace("[none, claims]", "[none, both]")

    plan = world.plan(BALANCED, change=change)
    (mixture, *_) = [node.spec for node in of(plan.nodes, TrainSpec) if node.spec.numbered]
    assert {task.name: task.class_weights for task in mixture.tasks} == {"claims": None, "moods": "balanced"}


@pytest.mark.parametrize("weights_", ["balanced", "{yes: 3}"])
def test_a_specification_is_read_back(world: World, weights_: str) -> None:
    plan = world.plan(f"tasks.moods.class_weights={weights_}")
    for node in of(plan.nodes, TrainSpec):
        again = parse({"node": "train", "version": TrainSpec.version, **node.spec.canonical()})
        assert isinstance(again, TrainSpec)
        assert again.canonical() == node.spec.canonical()


def test_labels_that_the_training_data_lack_are_told_by_the_plan(world: World) -> None:
    def change(text: str) -> str:
        return text.replace("sweep:", f"{FOUND}sweep:").replace("target: [moods]", "target: [found]")

    known = world.plan("tasks.found.class_weights={yes: 3}", change=change)
    assert weights(known)["found"] == {"{'yes': 3.0}"}
    assert {task.labels for node in of(known.nodes, TrainSpec) for task in node.spec.tasks} == {("no", "yes")}
    with pytest.raises(RecipeError, match=r"'yess' is not a label of found; did you mean 'yes'\?") as caught:
        world.plan(change=lambda text: change(text).replace("found: {", "found: {class_weights: {yess: 3}, "))
    assert [problem.path for problem in caught.value.problems] == ["tasks.found.class_weights.yess"]
    assert "recipe.yaml:" in caught.value.problems[0].where
