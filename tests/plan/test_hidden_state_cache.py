"""The hidden-state cache: which hidden states are kept, who reads them, and that no result knows of it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.cli.savings import savings, savings_line
from layover.errors import RecipeError
from layover.estimates.cost import estimate
from layover.estimates.eta import seconds_left
from layover.estimates.hidden_state_cache import first_to_run, with_hidden_states
from layover.identity import key_of
from layover.plan import Node, Plan
from layover.plan.collect import POLICIES, removable
from layover.plan.nodes import spec_at
from layover.recipe import load
from layover.specs.hidden_states import HiddenStatesSpec
from layover.store import Store

if TYPE_CHECKING:
    from tests.plan.conftest import World

META = {"examples": 16, "tokens": 300}
MUCH = 10**9
LAYER = 4 * 16 * 17 + 2 * 16 * 32 + 32 + 16 + 4 * 16
SET = 300 * 16 * 4
"""Bytes of the hidden states of one data set."""

TOP = ("methods.lora.layers=top-1", "methods.stack.layers=top-1")


def cached(plan: Plan, *, budget: int = MUCH, finished: Collection[str] = (), **more: Any) -> Plan:
    return with_hidden_states(plan, lambda _: META, finished, budget, **more)


def of_kind(plan: Plan, kind: str) -> list[Node]:
    return [node for node in plan.nodes.values() if node.kind == kind]


def layers_read(plan: Plan) -> dict[str, set[int]]:
    """Return the layers that the hidden states of each kind of node enter; of those that read none nothing."""
    found: dict[str, set[int]] = {}
    for node in plan.nodes.values():
        for data, frozen in node.hidden_states.items():
            spec = spec_at(plan.nodes, frozen, HiddenStatesSpec)
            assert spec.data == data
            found.setdefault(node.kind, set()).add(spec.layer)
    return found


def sweep(method: str, intermediate: str = "claims", *overrides: str) -> tuple[str, ...]:
    return (
        f"methods.m={method}",
        "sweep.method=[m]",
        f"sweep.intermediate=[{intermediate}]",
        "sweep.exclude=[]",
        *overrides,
    )


MIXTURE = "mixtures={both: {tasks: [claims, moods], sampling: uniform}}"
ROUTE = "{name: route, on_top: none}"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (sweep("{module: lora, layers: top-1}"), {"train": {1}, "predict": {1}}),
        (sweep("{module: lora}"), {}),
        (sweep("{module: full}"), {}),
        (sweep("{module: none}", "none"), {"train": {2}, "predict": {2}}),
        (sweep("{module: lora, layers: top-1, compose: stack}"), {"train": {1}, "predict": {1}}),
        (sweep("{module: lora, layers: top-1, compose: {name: merge, on_top: head}}"), {"train": {1}, "predict": {1}}),
        (sweep("{module: lora, layers: top-1, compose: fuse}"), {"train": {1}, "predict": {1}}),
        (sweep("{module: lora, compose: {name: stack, on_top: head}}"), {}),
        (sweep(f"{{module: lora, layers: top-1, compose: {ROUTE}}}", "[claims, moods]"),
         {"train": {1}, "gate": {1}, "predict": {1}}),
        (sweep("{module: lora, layers: top-1}", "both", MIXTURE), {"train": {1}, "predict": {1}}),
    ],
)  # fmt: skip
def test_hidden_states_enter_the_lowest_layer_that_anything_changes(
    world: World, overrides: tuple[str, ...], expected: dict[str, set[int]]
) -> None:
    plan = world.plan(*overrides)
    found = cached(plan)
    assert layers_read(found) == expected
    assert [key for key in found.nodes if key in plan.nodes] == list(plan.nodes), "no key depends on the cache"
    seen: set[str] = set()
    for key, node in found.nodes.items():
        assert key == key_of(node.spec.canonical())
        assert set(node.needs) <= seen
        assert set(node.hidden_states.values()) <= set(node.needs)
        seen.add(key)
    assert [node.key for node in found.wanted(())] == list(found.nodes)


def test_no_cache_where_tokens_or_lower_layers_move(world: World) -> None:
    (world.root / "data" / "en.txt").write_text("some text\nmore text\n", encoding="utf-8")
    languages = "languages={module: bottleneck, text: {en: en.txt}, fallback: en}"
    mlm = "tasks.claims={kind: mlm, text: [text], files: {train: claims/train.jsonl, validation: claims/dev.jsonl}}"
    plan = cached(world.plan(*sweep("{module: lora, layers: top-1}", "claims", mlm)))
    read = {node.spec.name for node in of_kind(plan, "train") if node.hidden_states}
    assert read == {"moods"}, "the hidden tokens of claims change at every step"
    assert not layers_read(
        cached(world.plan(*sweep("{module: lora, layers: top-1, languages: true}", "none", languages)))
    )


def test_what_acts_in_some_steps_only_leaves_no_frozen_layers(world: World) -> None:
    config = json.loads((world.root / "encoder" / "config.json").read_text(encoding="utf-8"))
    (world.root / "encoder" / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 4}), "utf-8")

    def read(drop: str) -> dict[str, set[int]]:
        lora = f"{{module: lora, layers: top-3, adapterdrop: {drop}}}"
        return layers_read(cached(world.plan(*sweep(lora, "none"))))

    assert read("{train: 2, predict: 0}") == {"predict": {1}}
    assert read("{train: 2, random: true}") == {"predict": {1}}
    assert read("{predict: 2}") == {}


def test_what_is_gone_over_twice_is_kept(world: World) -> None:
    once = sweep("{module: lora, layers: top-1}", "none", "sweep.seed=[1]", "train.epochs=1", "train.select=null")
    plan = world.plan(*once)
    assert not of_kind(cached(plan), "hidden_states"), "one pass over the training data and one over the test data"
    half = cached(world.plan(*once[:-2], "train.epochs=1.5", "train.select={every: 1}"))
    # 1.5 epochs of two steps are three, after each of which weights are selected; the test data are read once
    (kept,) = of_kind(half, "hidden_states")
    assert half.nodes[kept.spec.data].label == "tokenize moods validation en"
    seeds = cached(world.plan(*once, "sweep.seed=[1, 2]"))
    assert seeds.cache.sets == seeds.cache.paying == 2
    (train, test) = of_kind(seeds, "hidden_states")
    assert train.label == "hidden states of 1 layers: moods train en tiny"
    assert train.job == test.job == "hidden_states tiny 1 fp32"
    # whatever is finished costs nothing to read
    (first,) = [key for key, node in seeds.nodes.items() if node.kind == "hidden_states" and "test" in node.label]
    again = cached(plan, finished={first})
    assert list(again.nodes[first].needs) == [again.nodes[first].spec.data]
    assert [node.hidden_states for node in of_kind(again, "predict")] == [{again.nodes[first].spec.data: first}]


def test_the_budget_goes_to_what_saves_most_per_byte(world: World) -> None:
    plan = world.plan(*TOP, "sweep.method=[lora, stack]")
    whole = cached(plan)
    assert (whole.cache.sets, whole.cache.used_bytes, whole.cache.left_out_bytes) == (5, 5 * SET, 0)
    tight = cached(plan, budget=2 * SET + 1)
    assert (tight.cache.sets, tight.cache.paying, tight.cache.left_out_bytes) == (2, 5, 3 * SET)
    # the target's training and development data are gone over by all trainings of the target, twice each
    kept = {tight.nodes[node.spec.data].label for node in of_kind(tight, "hidden_states")}
    assert kept == {"tokenize moods train en", "tokenize moods validation en"}
    last = [node.key for node in of_kind(whole, "hidden_states") if "test" in node.label]
    assert {node.key for node in of_kind(cached(plan, budget=SET, finished=last), "hidden_states")} == set(last)
    full_disk = cached(plan, free_bytes=SET)
    assert (full_disk.cache.sets, full_disk.cache.short_of_disk) == (1, True)
    assert cached(plan, budget=0) is plan
    assert {
        node.spec.precision for node in of_kind(cached(world.plan(*TOP, "train.precision=bf16")), "hidden_states")
    } == {"bf16"}
    bf16 = cached(world.plan(*TOP, "sweep.method=[lora, stack]", "train.precision=bf16"))
    assert bf16.cache.used_bytes == 5 * SET / 2


def test_a_finished_sweep_needs_none_and_gc_lets_them_go(world: World, tmp_path: Path) -> None:
    plan, store = world.plan(*TOP, "sweep.method=[lora, stack]"), Store(tmp_path / "store")
    for node in cached(plan).nodes.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "file").write_text(node.label, encoding="utf-8")
    hidden_states = {node.key for node in of_kind(cached(plan), "hidden_states")}
    done = cached(plan, finished=store.finished())
    assert done is plan
    assert set(removable(store, [done], "all")) == hidden_states
    store.remove(plan.cells[0].score)
    assert set(removable(store, [cached(plan, finished=store.finished())], "all")) == hidden_states
    store.remove(plan.cells[0].train)
    (prediction,) = [key for key in plan.nodes[plan.cells[0].score].needs if plan.nodes[key].kind == "predict"]
    store.remove(prediction)
    again = cached(plan, finished=store.finished())
    assert {node.kind for node in again.wanted(store.finished())} == {"train", "predict", "score"}
    readers = again.nodes[plan.cells[0].train], again.nodes[prediction]
    read = {states for node in readers for states in node.hidden_states.values()}
    assert len(read) == 3
    for policy in POLICIES:
        assert hidden_states & set(removable(store, [again], policy)) == hidden_states - read
    # what is idle takes room that nothing else may have
    tight = cached(plan, finished=store.finished(), budget=4 * SET)
    assert (tight.cache.sets, tight.cache.idle_bytes) == (2, 2 * SET)


def test_costs_are_those_of_the_layers_above(world: World) -> None:
    plain = world.plan(*TOP, "sweep.method=[lora]", "sweep.intermediate=[none]")
    plan = cached(plain)
    before, after = estimate(plain, lambda _: META), estimate(plan, lambda _: META)
    cell = plan.cells[0]
    saved = 300 * (2 * LAYER - 16)
    # two epochs, two evaluations; one prediction
    assert before[cell.train].flops - after[cell.train].flops == pytest.approx(4 * saved)
    predicted = of_kind(plan, "predict")[0].key
    assert after[predicted].flops == pytest.approx(before[predicted].flops - saved)
    frozen = of_kind(plan, "hidden_states")[0]
    assert (after[frozen.key].flops, after[frozen.key].disk_bytes) == (300 * 2 * LAYER, SET)
    values = savings(plain, plan, after, lambda _: META, set())
    assert values["flops_saved"] == pytest.approx(2 * 5 * saved - 3 * after[frozen.key].flops)
    assert values["exact"]
    line = savings_line(values)
    assert line is not None
    assert line.startswith("hidden-state cache: 3 of 3 sets of hidden states, 56.2 KiB of 954 MiB; saves ")
    assert savings_line(savings(plain, plain, before, lambda _: META, set())) is None

    def done_of(key: str) -> dict[str, Any]:
        return {"seconds": 2.0, "needs": list(plan.nodes[key].needs)}

    # a finished training that read hidden states did less than one that would compute them
    wanted = [node for node in plan.nodes.values() if node.key == plan.cells[1].train]
    left = seconds_left(plain, {**before, plan.cells[1].train: after[plan.cells[1].train]}, wanted, done_of)
    assert left == pytest.approx(2.0)


def test_sizes_are_known_before_it_is_decided(world: World) -> None:
    plan = world.plan(*TOP)
    first = first_to_run(plan, ())
    assert {node.key for node in first} == {node.key for node in of_kind(plan, "tokenize")}
    there = [first[0].key]
    assert [node.key for node in first_to_run(plan, there)] == [node.key for node in first[1:]]
    assert first_to_run(plan, {node.key for node in first}) == []
    assert first_to_run(world.plan("sweep.method=[full, lora]"), ()) == [], "nothing could be kept"
    unread = {
        key: replace(node, spec=replace(node.spec, count=None, tokens_each=None)) if node.kind == "tokenize" else node
        for key, node in plan.nodes.items()
    }
    unknown = with_hidden_states(replace(plan, nodes=unread), lambda _: None, (), MUCH)
    assert not of_kind(unknown, "hidden_states"), "data that are not here have no size before they are read"


@pytest.mark.parametrize(("text", "expected"), [("500MiB", 500 * 2**20), ("1.5 GiB", 3 * 2**29), ("0", 0)])
def test_the_size_is_written_with_its_unit(world: World, text: str, expected: int) -> None:
    assert load(world.recipe(), [f"run.hidden_state_cache={text}"]).document.run.hidden_state_cache == expected


@pytest.mark.parametrize("text", ["10XB", "10", "-1GiB", "true", "lots"])
def test_another_size_is_refused(world: World, text: str) -> None:
    with pytest.raises(RecipeError, match=r"run\.hidden_state_cache: .* is not a size; write it like 12GB, .*, or 0"):
        load(world.recipe(), [f"run.hidden_state_cache={text}"])
