"""Objectives in plans: what enters a key, what is shared, what they cost, and what has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import RecipeError
from layover.estimates.cost import estimate
from layover.estimates.hidden_state_cache import with_hidden_states
from layover.memory import Load
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

    from layover.plan import Plan

ONE = ("sweep.method=[lora]", "sweep.exclude=[]", "sweep.seed=[1]")
TOP = (*ONE, "methods.lora.layers=[1]", "sweep.intermediate=[none]", "train.epochs=12")


def objective(text: str) -> str:
    return f"methods.lora.objective={text}"


def trainings(plan: Plan) -> dict[str, Any]:
    """Return the trainings by task, after an intermediate or without: `moods`, `moods after claims`."""
    nodes = [node for node in plan.nodes.values() if isinstance(node.spec, TrainSpec)]
    return {" after ".join((node.spec.name, *(one.name for one in node.spec.start.learned))): node for node in nodes}


def test_a_training_has_the_objective_of_its_stage_in_its_key(world: World) -> None:
    plain, both = trainings(world.plan(*ONE)), trainings(world.plan(*ONE, objective("fgm")))
    assert all("objective" not in node.spec.canonical() for node in plain.values())
    for name, node in both.items():
        assert node.spec.canonical()["objective"]["name"] == "fgm"
        assert node.spec == TrainSpec.parse(node.spec.canonical())
        assert node.key != plain[name].key
    assert {name: node.label for name, node in both.items()}["claims"] == "train claims tiny/lora with fgm seed 1"


def test_a_plain_target_is_shared_and_one_after_an_adversarial_intermediate_is_not(world: World) -> None:
    plain = trainings(world.plan(*ONE))
    before = trainings(world.plan(*ONE, objective("{intermediate: fgm, target: plain}")))
    assert before["moods"].key == plain["moods"].key
    assert before["claims"].key != plain["claims"].key
    assert "objective" not in before["moods after claims"].spec.canonical()
    assert before["moods after claims"].key != plain["moods after claims"].key
    on_top = trainings(world.plan(*ONE, objective("{target: fgm}")))
    assert on_top["claims"].key == plain["claims"].key
    assert {on_top["moods"].spec.objective.name, on_top["moods after claims"].spec.objective.name} == {"fgm"}


def test_settings_enter_the_key_and_written_defaults_do_not(world: World) -> None:
    keys = [
        trainings(world.plan(*ONE, objective(text)))["claims"].key
        for text in ("fgm", "{name: fgm}", "{name: fgm, radius: 1.0, at: embeddings}", "{name: fgm, radius: 0.5}")
    ]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_the_gates_of_a_training_are_trained_with_the_plain_loss(world: World) -> None:
    route = ("methods.lora.compose=route", "sweep.intermediate=[[claims, moods]]", "sweep.target=[claims]")
    plan = world.plan(*ONE, *route, objective("{intermediate: fgm}"))
    gates = [node.spec for node in plan.nodes.values() if isinstance(node.spec, TrainSpec) and node.spec.gates]
    assert gates
    assert {spec.objective.name for spec in gates} == {"plain"}


@pytest.mark.parametrize(("text", "ratio"), [("fgm", 2.5), ("pgd", 4.5), ("r3f", 2.0), ("neftune", 1.0)])
def test_the_estimate_counts_its_passes(world: World, text: str, ratio: float) -> None:
    """A step of the plain loss runs two layers forward and one back; each perturbation runs two back."""
    costs = []
    for text_of in ("plain", text):
        plan = world.plan(*TOP, "train.select=null", objective(text_of))
        (node,) = trainings(plan).values()
        costs.append(estimate(plan, lambda _: None)[node.key].flops or 0.0)
    passes = {"fgm": (2 + 2) + (2 + 1), "pgd": 2 * (2 + 2) + (2 + 1), "r3f": 2 * (2 + 1), "neftune": 2 + 1}
    assert costs[1] / costs[0] == pytest.approx(passes[text] / 3, rel=0.02)


def test_a_training_that_moves_embeddings_reads_no_hidden_states_and_the_plan_says_what_that_costs(
    world: World,
) -> None:
    lost = {}
    for text in ("plain", "fgm", "rdrop", "{name: fgm, at: frozen}"):
        named = [change.replace("lora", "frozen-lora") for change in TOP]
        method = "methods.frozen-lora={module: lora, layers: [1]}"
        plan = world.plan(method, *named, f"methods.frozen-lora.objective={text}")
        kept = with_hidden_states(plan, lambda _: None, (), 10**12)
        (node,) = trainings(kept).values()
        read = {kept.nodes[data].label for data in node.hidden_states}
        assert any("train" in label for label in read) == (text != "fgm"), (text, read)
        assert any("validation" in label for label in read), "predictions still read them"
        lost[text] = kept.cache.lost_flops
    assert lost["fgm"] > 0
    assert {lost[text] for text in lost if text != "fgm"} == {0.0}


def test_the_memory_estimate_knows_the_passes_that_are_there_at_once(world: World) -> None:
    loads: dict[str, Load] = {}
    for text in ("plain", "fgm", "r3f", "smart"):
        plan = world.plan(*TOP, objective(text))
        (node,) = trainings(plan).values()
        load = estimate(plan, lambda _: None)[node.key].load
        assert load is not None
        loads[text] = load
    assert loads["plain"].each < loads["fgm"].each < loads["smart"].each
    assert loads["plain"].each < loads["r3f"].each < loads["smart"].each
    assert loads["fgm"].work.lowest == 0, "its gradient reaches the embeddings"
    assert loads["r3f"].work.lowest == 1


def test_an_objective_without_effect_is_noted(world: World) -> None:
    notes = world.plan(*ONE, objective("{target: rdrop}")).notes
    said = "with rdrop: rdrop has no effect: without dropout both passes are equal; set dropout: 0.1"
    assert [note for note in notes if "rdrop" in note] == [
        f"train moods tiny/lora {said}",
        f"train moods tiny/lora after claims {said}",
    ]
    late = [note for note in world.plan(*ONE, objective("{intermediate: fgsm}")).notes if "fgsm" in note]
    why = "fgsm has no effect: all 2 epochs are plain, because warmup_epochs is 3; lower it"
    assert late == [f"train claims tiny/lora with fgsm: {why}"]
    assert not any("rdrop" in note for note in world.plan(*ONE, objective("rdrop"), "train.dropout=0.1").notes)


def test_a_dictionary_is_keyed_by_its_content_and_must_exist(world: World) -> None:
    view = "{target: {name: consistency, view: dictionary, dictionary: en-xx.txt}}"
    with pytest.raises(RecipeError, match=r"en-xx\.txt: there is no such file; correct the path"):
        world.plan(*ONE, objective(view))
    keys = []
    for text in ("good bien\n", "good gut\n", "good bien\n"):
        (world.root / "data" / "en-xx.txt").write_text(text, encoding="utf-8")
        node = trainings(world.plan(*ONE, objective(view)))["moods"]
        keys.append(node.key)
        assert "en-xx" not in str(node.spec.canonical()), "a name is no identity"
        assert TrainSpec.parse(node.spec.canonical()).objective.canonical() == node.spec.objective.canonical()
    assert keys[0] == keys[2] != keys[1]
