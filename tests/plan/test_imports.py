"""Imported modules in plans: what is in their keys, which methods take them, and what a reader is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file, save_file

from layover.errors import RecipeError
from layover.estimates.cost import estimate
from layover.estimates.hidden_state_cache import with_hidden_states
from layover.plan import Node, Plan
from layover.store import FileHashes

if TYPE_CHECKING:
    from tests.plan.conftest import Importing


def method(compose: str, settings: str = "rank: 4, alpha: 8", more: str = "") -> str:
    return f"methods.one={{module: lora, compose: {compose}, {settings}{more}}}"


def imported(plan: Plan) -> Node:
    (node,) = (node for node in plan.nodes.values() if node.kind == "import")
    return node


def trained(plan: Plan, intermediate: str = "mine") -> Node:
    cell = next(one for one in plan.cells if one.intermediate == intermediate)
    return plan.nodes[cell.train or ""]


def edit(file: Path, change: Callable[[Any], object]) -> None:
    values = json.loads(file.read_text(encoding="utf-8"))
    change(values)
    file.write_text(json.dumps(values), encoding="utf-8")


def test_the_key_is_that_of_settings_weights_and_encoder(importing: Importing) -> None:
    node = imported(importing.plan())
    module = {"name": "lora", "layers": "all", "rank": 4, "alpha": 8.0, "target": ["query", "value"]}
    identity = node.spec.canonical()
    assert identity["module"] == module
    assert identity["weights"] == FileHashes()(importing.root / "modules" / "lora" / "adapter_model.safetensors")
    assert set(identity["encoder"]) == {"config", "weights"}
    said = json.dumps(identity)
    assert not [word for word in ("mine", str(importing.root), "modules/lora") if word in said]
    assert node.needs == ()


def test_a_byte_of_the_file_changes_what_rests_on_it_and_nothing_else(importing: Importing) -> None:
    before, file = importing.plan(), importing.root / "modules" / "lora" / "adapter_model.safetensors"
    weights = load_file(file)
    weights[min(weights)][0, 0] += 1.0
    save_file(weights, file)
    after = importing.plan()
    gone, new = (
        sorted(plan.nodes[key].label for key in plan.nodes.keys() - other.nodes.keys())
        for plan, other in ((before, after), (after, before))
    )
    assert gone == new
    assert sorted({label.partition(" ")[0] for label in gone}) == ["import", "predict", "score", "train"]
    assert all("mine" in label for label in gone)
    assert trained(before, "none").key == trained(after, "none").key


def test_moving_and_renaming_change_nothing(importing: Importing) -> None:
    before = importing.plan()
    (importing.root / "modules").rename(importing.root / "elsewhere")
    moved = importing.plan("modules={hers: {path: elsewhere/lora}}", "sweep.intermediate=[none, hers]")
    assert moved.nodes.keys() == before.nodes.keys()
    config = importing.root / "elsewhere" / "lora" / "adapter_config.json"
    edit(config, lambda values: values.update(peft_version="9.9", r=4))
    same = importing.plan("modules={hers: {path: elsewhere/lora}}", "sweep.intermediate=[none, hers]")
    assert same.nodes.keys() == before.nodes.keys(), "what means nothing in a config decides nothing"
    edit(config, lambda values: values.update(lora_alpha=16))
    scaled = importing.plan("modules={hers: {path: elsewhere/lora}}", "sweep.intermediate=[none, hers]")
    assert imported(scaled).key != imported(before).key


def test_methods_and_seeds_share_an_import(importing: Importing) -> None:
    more = ("methods.two={module: lora, compose: merge, rank: 2}", "sweep.method=[one, two]", "sweep.seed=[1, 2]")
    plan = importing.plan(*more)
    node = imported(plan)
    resting = [other for other in plan.nodes.values() if other.kind == "train" and node.key in other.needs]
    assert len(resting) == 4
    assert all(other.spec.canonical()["intermediate"] == node.key for other in resting)
    predictions = [other for other in plan.nodes.values() if other.kind == "predict" and node.key in other.needs]
    assert len(predictions) == 4, "an import that is gone is done again where a prediction needs it"
    assert estimate(plan, lambda _: None)[node.key].flops is None
    assert estimate(plan, lambda _: None)[node.key].disk_bytes == 4.0 * 2 * 4 * (128 * 4 + 4 * 128)


def test_warm_takes_a_module_that_means_the_same_however_it_is_written(importing: Importing, foreign: Path) -> None:
    warm = trained(importing.plan(method("warm"))).spec.canonical()
    assert warm["module"] == imported(importing.plan()).spec.canonical()["module"]
    written = method("warm", "rank: 2, alpha: 16, patterns: [{rank: 4, alpha: 8}]")
    node = trained(importing.plan(written))
    assert node.spec.canonical()["module"]["patterns"]
    with pytest.raises(RecipeError, match=r"no cell is left: mine: warm continues .* both modules must be equal"):
        importing.plan(method("warm", "rank: 8, alpha: 8"), "sweep.intermediate=[mine]")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            method("warm", "rank: 2"),
            "mine: warm continues from the intermediate's weights, so both modules must be equal",
        ),
        ("methods.one={module: full}", "mine: warm continues from the intermediate's weights"),
        ("methods.one={module: none}", "trains no part of the encoder, so an intermediate changes nothing"),
        (
            method("{name: stack, on_top: none}"),
            "no head of the intermediates has the outputs of sandbox/paraphrase (mine: imported without a head)",
        ),
        (method("{name: fuse, own: true}", "rank: 2"), "mine: fuse mixes modules with equal settings"),
        (
            method("stack", more=", adapterdrop: {predict: 4}"),
            "dropping the lowest 4 layers removes every layer of lora",
        ),
    ],
)
def test_cells_without_a_meaning_are_left_out_and_named(importing: Importing, override: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        importing.plan(override, "sweep.intermediate=[mine]")
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1


def test_what_one_method_cannot_take_another_may(importing: Importing) -> None:
    two = ("methods.two={module: lora, compose: warm, rank: 2}", "sweep.method=[one, two]")
    plan = importing.plan(*two)
    assert {one.method for one in plan.cells if one.intermediate == "mine"} == {"one"}
    (note,) = (note for note in plan.notes if "left out" in note)
    assert note.startswith("two: 1 cells left out: mine: warm continues from the intermediate's weights")
    alone = (*two[:1], "sweep.method=[two]")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:5: modules\.mine: no method takes it: two: mine: warm cont"):
        importing.plan(*alone)


def test_gates_that_are_learned_need_data(importing: Importing) -> None:
    several = "sweep.intermediate=[[sandbox/nli, mine]]"
    with pytest.raises(RecipeError, match=r"gates are learned on the training data of each module, but mine has none"):
        importing.plan(method("route"), several)
    plan = importing.plan(method("{name: route, router: arrow}"), several)
    assert imported(plan).key in trained(plan, "sandbox/nli+mine").spec.canonical()["intermediate"]
    assert trained(importing.plan(method("route"))).spec.canonical()["intermediate"], "of one all tokens go to it"


def test_what_is_mixed_acts_at_the_same_places(importing: Importing) -> None:
    several, other = "sweep.intermediate=[[sandbox/nli, mine]]", "rank: 2, target: [query, key]"
    with pytest.raises(RecipeError, match="sandbox/nli and mine attach to different sites of the encoder"):
        importing.plan(method("fuse", other), several)
    assert importing.plan(method("stack", other), several).cells
    assert importing.plan(method("fuse", "rank: 2"), several).cells, "ranks may differ"


def test_the_order_of_a_list_counts_where_modules_are_of_several_kinds(importing: Importing) -> None:
    def key(names: str, settings: str) -> str:
        return (
            importing.plan(f"methods.one={{{settings}, compose: stack}}", f"sweep.intermediate=[[{names}]]")
            .cells[0]
            .score
        )

    both, turned = "sandbox/nli, mine", "mine, sandbox/nli"
    assert key(both, "module: lora") == key(turned, "module: lora")
    assert key(both, "module: bottleneck") != key(turned, "module: bottleneck")


def test_the_frozen_layers_end_below_the_imported_module_too(importing: Importing) -> None:
    """Hidden states without a module that acts on them would be another encoder's."""

    def layer(compose: str, intermediate: str) -> set[int]:
        override = method(compose, "rank: 4, alpha: 8, layers: top-1"), f"sweep.intermediate=[{intermediate}]"
        plan = importing.plan(*override, "train.epochs=5")
        return {
            node.spec.layer
            for node in with_hidden_states(plan, lambda _: None, (), 2**30).nodes.values()
            if node.kind == "hidden_states"
        }

    assert layer("stack", "none") == {3}
    for compose in ("stack", "merge"):
        assert layer(compose, "mine") == set(), "it acts from the lowest layer on"


def test_a_result_that_no_seed_decides_is_one(importing: Importing) -> None:
    aligned = (
        "sweep.target=[sandbox/aligned]",
        "eval.languages=[de]",
        "sweep.seed=[1, 2]",
        "sweep.intermediate=[mine]",
    )
    more = ("methods.two={module: lora, compose: warm, rank: 4, alpha: 8}", "sweep.method=[one, two]")
    plan = importing.plan(*aligned, *more)
    assert len(plan.cells) == 4
    assert len({one.score for one in plan.cells}) == 1, "the encoder with the module on it, whatever the method"
    assert not any(one.seeded for one in plan.cells)
    drawn = importing.plan(*aligned, method("{name: merge, method: dare}"))
    assert len({one.score for one in drawn.cells}) == 2
    assert all(one.seeded for one in drawn.cells)
    learned = importing.plan(*aligned, "sweep.intermediate=[[mine, sandbox/nli]]")
    assert all(one.seeded for one in learned.cells)


def test_the_adapter_of_a_language_acts_below_it(importing: Importing) -> None:
    languages = "languages={module: lora, text: {en: sandbox/text}, fallback: en}"
    plan = importing.plan(languages, method("stack", more=", languages: true"))
    assert imported(plan).needs == ()
    assert trained(plan).spec.canonical()["languages"]["train"], "the adapter of the language acts below it"


def test_an_untrained_module_is_told(importing: Importing) -> None:
    def noted() -> list[str]:
        return [note for note in importing.plan().notes if "untrained" in note]

    file = importing.root / "modules" / "lora" / "adapter_model.safetensors"
    weights = load_file(file)
    places = [name for name in weights if "lora_B" in name]
    for name in places:
        weights[name] = weights[name] * 0 + 1.0
    save_file(weights, file)
    assert noted() == []
    for name in places[1:]:
        weights[name].zero_()
    save_file(weights, file)
    assert noted() == [], "a module may leave out layers"
    weights[places[0]].zero_()
    save_file(weights, file)
    said = f"B is zero at all {len(places)} sites, as before the first step of training: it does not change the outputs"
    assert noted() == [f"mine: the module is untrained: {said}"]
