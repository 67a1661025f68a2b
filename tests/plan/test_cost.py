"""Costs: from sizes alone, exact where data are tokenized, unknown where nothing is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from layover import kinds
from layover.cli.room import memory_line, memory_need
from layover.errors import RecipeError, StoreError
from layover.estimates.cost import data_cost, estimate
from layover.estimates.eta import seconds_left
from layover.estimates.loads import Loads
from layover.memory import BYTES_PER_LOGIT
from layover.plan import Plan
from layover.plan.encoders import KNOWN_SHAPES

if TYPE_CHECKING:
    from tests.plan.conftest import World

GIB = 2**30
META = {"examples": 10, "tokens": 300}


def train_of(plan: Plan, method: str) -> str:
    return next(cell.train for cell in plan.cells if cell.method == method and cell.intermediate == "none")


def test_files_of_ones_own_are_counted(world: World) -> None:
    plan = world.plan()
    costs = estimate(plan, lambda _: None)
    train = costs[train_of(plan, "lora")]
    assert train.examples == 2
    assert train.tokens is not None
    assert train.flops is not None
    assert train.peak_bytes is not None
    limited = world.plan("tasks.moods.limit={train: 1}")
    assert estimate(limited, lambda _: None)[train_of(limited, "lora")].examples == 1


def test_nothing_is_guessed_for_data_that_are_neither_here_nor_counted(world: World) -> None:
    plan = world.plan()
    node = next(node for node in plan.nodes.values() if node.kind == "tokenize")
    assert data_cost(replace(node.spec, count=None, tokens_each=None), None).examples is None
    typical = data_cost(replace(node.spec, count=10, tokens_each=None), None)
    assert typical.tokens == 10 * min(node.spec.max_length, kinds.get("classification").typical_tokens)


def test_arithmetic_of_the_modules(world: World) -> None:
    plan = world.plan()
    costs = estimate(plan, lambda _: META)
    layer = 4 * 16 * 17 + 2 * 16 * 32 + 32 + 16 + 4 * 16
    tokens = 300 * 2  # two epochs
    forward = 2 * 2 * layer
    selection = 2 * 300 * forward  # after each of them
    expected = {"head": forward, "lora": forward + 2 * 2 * layer, "full": forward + 2 * 2 * 2 * layer}
    for method, flops in expected.items():
        assert costs[train_of(plan, method)].flops == pytest.approx(tokens * flops + selection)
    top = world.plan("methods.lora.layers=top-1")
    expected_top = tokens * (forward + 2 * layer) + selection
    assert estimate(top, lambda _: META)[train_of(top, "lora")].flops == pytest.approx(expected_top)


MLM = "kind: mlm, text: [text],"


def test_a_head_over_the_vocabulary_costs_what_it_does(world: World) -> None:
    classified = "kind: classification, labels: [no, yes], text: [text], label: label,"
    plan = world.plan(change=lambda text: text.replace(classified, MLM))
    plain = world.plan()
    layer, head = 4 * 16 * 17 + 2 * 16 * 32 + 32 + 16 + 4 * 16, 16 * 0.15 * 100
    # with a frozen encoder the head's backward runs, and only for what comes into it
    expected = {"head": 2 * 2 * layer + 2 * 2 * head, "full": 3 * (2 * 2 * layer + 2 * head)}
    costs, without = estimate(plan, lambda _: META), estimate(plain, lambda _: META)
    for method, flops in expected.items():
        selection = 600 * (2 * 2 * layer + 2 * head)
        assert costs[train_of(plan, method)].flops == pytest.approx(600 * flops + selection), method
        load = costs[train_of(plan, method)].load
        assert load.each - replace(load, work=replace(load.work, logits=0)).each == pytest.approx(
            BYTES_PER_LOGIT * 0.15 * 100
        )
        assert load.peak() > without[train_of(plain, method)].load.peak()
    predicted = next(key for key, node in plan.nodes.items() if node.kind == "predict")
    assert costs[predicted].flops == pytest.approx(300 * (2 * 2 * layer + 2 * head))


def test_memory_is_held_against_a_budget(world: World) -> None:
    plan = world.plan("run.memory=2GiB", "run.device=cpu")
    costs, run = list(estimate(plan, lambda _: META).values()), plan.recipe.document.run
    found = memory_need(costs, run, None)
    assert (found["budget_bytes"], found["fits"], found["tokens"], found["device"]) == (2 * GIB, True, 4096, "cpu")
    assert "fits in 2 GiB of memory: yes, with micro-batches of 4,096 tokens" in memory_line(found)
    on_gpu = memory_need(costs, run, GIB)
    assert on_gpu["peak_bytes"] < found["peak_bytes"], "no process lies there"
    assert "fits in 1 GiB of GPU memory: yes" in memory_line(on_gpu)
    assert "fits in 8 MiB of GPU memory: no" in memory_line(memory_need(costs, run, 8 * 2**20))
    unknown = memory_need(costs, run.model_copy(update={"device": "cuda", "memory": None}), None)
    assert unknown["fits"] is None
    assert memory_need([], run, GIB)["peak_bytes"] is None
    with pytest.raises(RecipeError, match=r"run\.memory: '2' is not a size; write it like 12GB, 10GiB or 500MiB"):
        world.plan("run.memory='2'")


def test_upper_layers_with_kept_states_take_less_memory(world: World) -> None:
    plan = world.plan("methods.lora.layers=top-1")
    key, loads = train_of(plan, "lora"), Loads(plan)
    data = set(plan.nodes[key].spec.read_keys())
    alone, half, kept = (loads.of(plan.nodes[key], dict.fromkeys(some, 1)) for some in ((), list(data)[:1], data))
    assert alone is not None
    assert kept is not None
    assert half == alone, "a set that is not kept needs the whole encoder"
    assert kept.work.from_layer == 1
    assert kept.peak() < alone.peak()
    predict = next(node for node in plan.nodes.values() if node.kind == "predict")
    found = loads.of(predict, {})
    assert found is not None
    assert not found.trains


def test_every_kind_has_a_typical_length() -> None:
    assert all(kinds.get(name).typical_tokens > 0 for name in kinds.names())


def test_a_full_checkpoint_is_large_and_a_module_small(world: World) -> None:
    plan = world.plan()
    costs = estimate(plan, lambda _: META)
    full, lora = (costs[train_of(plan, method)].disk_bytes for method in ("full", "lora"))
    assert full is not None
    assert lora is not None
    assert lora == 4 * 2 * 2 * 2 * 4 * 16  # layers x (query, value) x (A, B) x rank x hidden
    assert full > 5 * lora


def test_the_known_encoders_have_the_published_size() -> None:
    """XLM-R base has 278 M weights, large 560 M, position tables and pooler included."""
    assert KNOWN_SHAPES["FacebookAI/xlm-roberta-base"].parameters == pytest.approx(278e6, rel=0.01)
    assert KNOWN_SHAPES["FacebookAI/xlm-roberta-large"].parameters == pytest.approx(560e6, rel=0.01)


def test_time_left_follows_the_speed_of_finished_nodes(world: World) -> None:
    plan = world.plan()
    costs = estimate(plan, lambda _: META)
    trains = [node for node in plan.nodes.values() if node.kind == "train"]
    done, left = trains[0], trains[1:]

    def done_of(key: str) -> dict[str, Any]:
        if key != done.key:
            raise StoreError("removed")
        return {"seconds": 2.0, "needs": list(done.needs)}

    assert seconds_left(plan, costs, trains, done_of) is None
    flops = sum(costs[node.key].flops or 0 for node in left)
    speed = (costs[done.key].flops or 0) / 2.0
    assert seconds_left(plan, costs, left, done_of) == pytest.approx(flops / speed)
