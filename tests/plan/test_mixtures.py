"""Mixtures in plans: what is in their key, whose head a target goes on with, what they cost and have seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from layover.estimates.cost import estimate
from layover.plan import Plan
from layover.plan.nodes import Node, of
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

MORE = """\
  texts: {{kind: mlm, text: [text], files: {{train: claims/train.jsonl, validation: claims/dev.jsonl}}}}
  beliefs: {{kind: classification, labels: [no, yes], text: [text], label: label,
            files: {{train: claims/en.jsonl, validation: claims/dev.jsonl}}}}
  other: {{kind: classification, labels: [yes, no], text: [text], label: label,
          files: {{train: claims/sw.jsonl, validation: claims/dev.jsonl}}}}
mixtures:
  all: {{tasks: [claims, beliefs, other, texts], sampling: temperature, temperature: 2, cap: 100}}
sweep:
  model: [tiny]
  method: [lora, stack]
  intermediate: [none, all]
  target: [moods]
"""


def mixed(text: str) -> str:
    return text[: text.index("sweep:\n")] + MORE.replace("{{", "{").replace("}}", "}")


def plan_of(world: World, *overrides: str, change: Callable[[str], str] = str) -> Plan:
    return world.plan(*overrides, change=lambda text: change(mixed(text)))


def mixture(plan: Plan) -> Node[TrainSpec]:
    (node,) = (node for node in of(plan.nodes, TrainSpec) if node.spec.sampling is not None)
    return node


def test_a_mixture_is_one_training_that_methods_share(world: World) -> None:
    plan = plan_of(world)
    node = mixture(plan)
    trains = [other for other in plan.nodes.values() if other.kind == "train"]
    assert len(trains) == 1 + 3, "the mixture; moods alone, warm and stacked"
    assert sum(node.key in other.needs for other in trains) == 2
    assert node.label == "train all tiny/lora seed 1"
    assert set(node.needs) == {
        other.key for other in plan.nodes.values() if other.kind == "tokenize" and other.spec.of_task != "moods"
    }


def test_tasks_with_the_same_outputs_share_a_head(world: World) -> None:
    node = mixture(plan_of(world))
    heads = {one.name: one.head for one in node.spec.tasks}
    assert sorted(set(heads.values())) == [0, 1, 2]
    assert heads["claims"] == heads["beliefs"]
    assert len({heads["claims"], heads["other"], heads["texts"]}) == 3
    keys = [one["data"] for one in node.spec.canonical()["tasks"]]
    assert keys == sorted(keys)
    assert [one["head"] for one in node.spec.canonical()["tasks"]] == [one.head for one in node.spec.tasks]


@pytest.mark.parametrize(
    "change",
    [
        ("tasks: [claims, beliefs, other, texts]", "tasks: [texts, other, beliefs, claims]"),
        ("beliefs", "views"),
        ("all:", "every:"),
        ("cap: 100}", "cap: 100, weights: {claims: 1}}"),
        ("cap: 100}", "cap: 100, epochs: 2, batch: 8}"),
    ],
    ids=["order", "task renamed", "mixture renamed", "weight 1", "those of train"],
)
def test_what_decides_nothing_is_in_no_key(world: World, change: tuple[str, str]) -> None:
    old, new = change

    def renamed(text: str) -> str:
        return text.replace(old, new).replace("[none, all]", "[none, every]" if "every" in new else "[none, all]")

    assert set(plan_of(world).nodes) == set(plan_of(world, change=renamed).nodes)


@pytest.mark.parametrize(
    "override",
    ["temperature=3", "cap=50", "weights={claims: 2}", "epochs=1", "batch=4", "tasks=[claims, beliefs, other]"],
)
def test_what_decides_the_weights_is_in_the_key(world: World, override: str) -> None:
    assert mixture(plan_of(world)).key != mixture(plan_of(world, f"mixtures.all.{override}")).key


def test_temperature_1_is_proportional(world: World) -> None:
    plain = mixture(plan_of(world, change=lambda text: text.replace("sampling: temperature, temperature: 2, ", "")))
    assert plain.key == mixture(plan_of(world, "mixtures.all.temperature=1")).key


def test_a_mixture_that_nothing_uses_changes_no_key(world: World) -> None:
    unused = plan_of(world, "sweep.intermediate=[none, claims]")
    without = plan_of(
        world,
        "sweep.intermediate=[none, claims]",
        change=lambda text: text[: text.index("mixtures:")] + text[text.index("sweep:") :],
    )
    assert set(unused.nodes) == set(without.nodes)


CONTINUE = "methods.lora={module: lora, lr: 4e-4, rank: 4, head: continue}"


def test_a_target_goes_on_with_the_head_of_its_outputs(world: World) -> None:
    plan = plan_of(world, CONTINUE, "sweep.method=[lora]")
    (cell,) = (cell for cell in plan.cells if cell.intermediate == "all")
    target = plan.nodes[cell.train or ""]
    assert target.spec.head_from == mixture(plan).key
    assert target.spec.canonical()["head"] == "continue"
    other = plan_of(world, CONTINUE, "sweep.method=[lora]", "mixtures.all.tasks=[other, texts]")
    assert "lora: the target gets a new head, because the outputs differ: moods after all" in other.notes


def test_composed_without_training_when_some_head_of_it_fits(world: World) -> None:
    merge = ("methods.stack={module: lora, compose: {name: merge, on_top: none}}", "sweep.method=[stack]")
    plan = plan_of(world, *merge, "sweep.intermediate=[all]")
    (composed,) = (node for node in plan.nodes.values() if node.kind == "compose")
    assert composed.spec.head == mixture(plan).key


def test_what_any_task_of_it_has_seen_is_said(world: World) -> None:
    more = "tasks.beliefs.files={train: claims/train.jsonl, validation: claims/dev.jsonl}"
    plan = plan_of(world, "tasks.moods.files.train=claims/sw.jsonl", more)
    assert [note for note in plan.notes if "same data" in note or "count twice" in note] == [
        "moods after all (other): both train on the same data; a gain here does not come from another task",
        "all: claims and beliefs share training examples, which count twice",
    ]


def test_settings_of_a_task_that_do_not_count_are_said(world: World) -> None:
    plan = plan_of(world, "tasks.claims.epochs=5")
    assert "all: tasks.claims.epochs does not count in a mixture; mixtures.all.epochs does" in plan.notes


def test_a_mixture_costs_what_its_turns_cost(world: World) -> None:
    def cost(*overrides: str, examples: int = 64) -> Any:
        plan = plan_of(world, *overrides)
        return estimate(plan, lambda _: {"examples": examples, "tokens": 10 * examples})[mixture(plan).key]

    whole, twice = cost(), cost("mixtures.all.epochs=4")
    assert (whole.examples, whole.tokens) == (4 * 64, 2 * 4 * 640)
    assert twice.flops == pytest.approx(2 * whole.flops)
    capped = cost("mixtures.all.cap=16")
    assert (capped.examples, capped.tokens) == (64, pytest.approx(whole.tokens / 4))
    without = cost("mixtures.all.tasks=[claims, beliefs, other]")
    assert whole.peak_bytes > without.peak_bytes, "the largest head decides"
    assert whole.disk_bytes == without.disk_bytes
    read = estimate(plan := plan_of(world), lambda _: None)[mixture(plan).key]
    assert read.examples == sum(2 for task in plan.recipe.members("all"))
    assert read.peak_bytes is not None
