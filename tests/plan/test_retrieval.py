"""Plans of targets that are not trained: what is one node, what is another, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import RecipeError
from layover.estimates.cost import estimate
from layover.estimates.hidden_state_cache import with_hidden_states
from layover.plan import Cell, Plan
from layover.plan.collect import removable
from layover.plan.why import explain
from layover.specs import Start
from layover.store import Store

if TYPE_CHECKING:
    from tests.plan.conftest import World

TASK = "  parallel: {kind: retrieval, files: {test: {de: [p/de.txt, p/en.txt], sw: [p/sw.txt, p/en.txt]}}}\n"
MINED = (
    "  bitext: {kind: retrieval, mined: true, header: [id, text],\n"
    "    files: {validation: {de: [m/dev.de.tsv, m/dev.en.tsv, m/dev.gold.tsv]},\n"
    "            test: {de: [m/de.tsv, m/en.tsv, m/gold.tsv], sw: [m/sw.tsv, m/en.tsv, m/gold.tsv]}}}\n"
)


@pytest.fixture
def sentences(world: World) -> World:
    """A world with files of sentences."""
    data = world.root / "data"
    for folder in ("p", "m"):
        (data / folder).mkdir()
    for name in ("de", "sw", "en"):
        (data / "p" / f"{name}.txt").write_text(f"{name} one\n{name} two\n", encoding="utf-8")
    for name in ("de", "sw", "en", "dev.de", "dev.en"):
        (data / "m" / f"{name}.tsv").write_text(f"1\t{name} one\n2\t{name} two\n", encoding="utf-8")
    for name in ("gold", "dev.gold"):
        (data / "m" / f"{name}.tsv").write_text("1\t2\n", encoding="utf-8")
    return world


def change(text: str) -> str:
    return text.replace("tasks:\n", f"tasks:\n{TASK}{MINED}").replace("target: [moods]", "target: [parallel]")


def cells(plan: Plan) -> dict[tuple[str, str, int], Cell]:
    return {(cell.method, cell.intermediate, cell.seed): cell for cell in plan.cells}


def nodes(plan: Plan, kind: str) -> list[Any]:
    return [node for node in plan.nodes.values() if node.kind == kind]


def test_without_an_intermediate_there_is_one_node_for_all_methods_and_seeds(sentences: World) -> None:
    plan = sentences.plan("sweep.exclude=[]", change=change)
    found = cells(plan)
    alone = [cell for (_, intermediate, _), cell in found.items() if intermediate == "none"]
    assert len(alone) == 4 * 2
    assert len({cell.score for cell in alone}) == 1
    assert {(cell.train, cell.seeded, cell.baseline) for cell in alone} == {(None, False, None)}
    score = plan.nodes[alone[0].score]
    assert {plan.nodes[key].kind for key in score.needs} == {"predict", "tokenize"}
    predict = [plan.nodes[key] for key in score.needs if plan.nodes[key].kind == "predict"]
    assert len(predict) == 2
    assert all(plan.nodes[key].kind == "tokenize" for node in predict for key in node.needs)


def test_after_an_intermediate_the_composition_does_not_matter(sentences: World) -> None:
    plan = sentences.plan(change=change)
    found = cells(plan)
    assert found["lora", "claims", 1].score == found["stack", "claims", 1].score
    different = {found[method, "claims", seed].score for method in ("lora", "full") for seed in (1, 2)}
    assert len(different) == 4
    cell = found["lora", "claims", 1]
    assert cell.train is not None
    assert plan.nodes[cell.train].spec.name == "claims"
    assert plan.nodes[cell.train].spec.start == Start()
    assert (cell.seeded, cell.baseline_seeded) == (True, False)
    assert cell.baseline == found["lora", "none", 1].score
    assert ("head", "claims", 1) not in found, "a method that trains no part of the encoder carries nothing over"
    # nothing but the intermediate is trained: claims with full and lora, two seeds
    assert {node.spec.name for node in nodes(plan, "train")} == {"claims"}
    assert len(nodes(plan, "train")) == 4


def test_the_intermediate_is_the_training_that_other_targets_follow(sentences: World) -> None:
    plan = sentences.plan("sweep.target=[moods, parallel]", change=change)
    after = {
        cell.target: cell for cell in plan.cells if (cell.method, cell.intermediate, cell.seed) == ("lora", "claims", 1)
    }
    assert after["moods"].train is not None
    assert plan.nodes[after["moods"].train].spec.canonical()["intermediate"] == after["parallel"].train


@pytest.mark.parametrize(
    "override",
    [
        "tasks.parallel.retrieval={layer: 2}",
        "tasks.parallel.retrieval={special_tokens: false}",
        "tasks.parallel.retrieval={scoring: distance}",
        "tasks.parallel.retrieval={layers: all}",
        "tasks.parallel.retrieval={layer: scored}",
        "train.precision=bf16",
        "train.max_length=40",
    ],
)
def test_what_changes_a_result_changes_the_key(sentences: World, override: str) -> None:
    narrow = ("sweep.intermediate=[none]", "sweep.exclude=[]")
    before, after = (sentences.plan(*narrow, *more, change=change) for more in ((), (override,)))
    assert {cell.score for cell in before.cells}.isdisjoint(cell.score for cell in after.cells)


def test_what_trains_nothing_here_changes_nothing(sentences: World) -> None:
    narrow = ("sweep.intermediate=[none]", "sweep.exclude=[]")
    before = sentences.plan(*narrow, change=change)
    after = sentences.plan(*narrow, "train.epochs=9", "methods.lora.rank=2", "train.batch=2", change=change)
    assert {cell.score for cell in before.cells} == {cell.score for cell in after.cells}
    default = sentences.plan(*narrow, "tasks.parallel.retrieval={layer: 1, scoring: cosine}", change=change)
    assert {cell.score for cell in before.cells} == {cell.score for cell in default.cells}, "the defaults said aloud"


@pytest.mark.parametrize("name", ["p/de.txt", "p/en.txt"])
def test_each_file_is_in_the_key(sentences: World, name: str) -> None:
    before = sentences.plan(change=change)
    (sentences.root / "data" / name).write_text("something\nelse\n", encoding="utf-8")
    after = sentences.plan(change=change)
    assert {cell.score for cell in before.cells}.isdisjoint(cell.score for cell in after.cells)


def test_the_threshold_comes_from_the_validation_split(sentences: World) -> None:
    plan = sentences.plan("sweep.target=[bitext]", change=change)
    score = plan.nodes[plan.cells[0].score]
    assert score.spec.split == "test"
    assert score.spec.search.threshold == "validation"
    assert set(score.spec.predictions) == set(score.spec.threshold) == {"de"}
    assert dict(score.spec.absent) == {"sw": "no validation file to tune the threshold on"}
    assert score.spec.predictions["de"] != score.spec.threshold["de"]
    assert len(score.needs) == 4
    (sentences.root / "data" / "m" / "dev.gold.tsv").write_text("1\t1\n", encoding="utf-8")
    other = sentences.plan("sweep.target=[bitext]", change=change)
    assert other.cells[0].score != plan.cells[0].score
    assert any("absent: sw" in note for note in plan.notes)


def test_a_threshold_of_the_scored_split_must_be_asked_for(sentences: World) -> None:
    target, split = "sweep.target=[bitext]", "tasks.bitext.eval={split: validation}"
    with pytest.raises(RecipeError, match=r"or set retrieval\.threshold: scored, and the record will say so"):
        sentences.plan(target, split, change=change)
    plan = sentences.plan(target, split, "tasks.bitext.retrieval={threshold: scored}", change=change)
    spec = plan.nodes[plan.cells[0].score].spec
    assert spec.search.threshold == "scored"
    assert spec.threshold == spec.predictions
    assert any("the same validation gold tunes the threshold" in note for note in plan.notes)
    both = sentences.plan(target, "tasks.bitext.retrieval={threshold: scored}", change=change)
    assert not both.nodes[both.cells[0].score].spec.absent
    assert not any("threshold" in note for note in sentences.plan(target, change=change).notes)


def keys(plan: Plan, kind: str) -> set[str]:
    return {node.key for node in nodes(plan, kind)}


def test_several_layers_are_one_node_whichever_of_them_is_shown(sentences: World) -> None:
    narrow = ("sweep.intermediate=[none]", "sweep.exclude=[]")
    default, every, other, chosen = (
        sentences.plan(*narrow, f"tasks.parallel.retrieval={{{settings}}}", change=change)
        for settings in ("", "layers: all", "layers: all, layer: 2", "layer: scored")
    )
    assert {node.spec.matching.layers for node in nodes(every, "predict")} == {(0, 1, 2)}
    assert keys(every, "predict") == keys(other, "predict") == keys(chosen, "predict")
    assert keys(every, "predict").isdisjoint(keys(default, "predict"))
    assert len(keys(every, "score") | keys(other, "score") | keys(chosen, "score") | keys(default, "score")) == 4
    same = sentences.plan(*narrow, "tasks.parallel.retrieval={layers: [1]}", change=change)
    assert keys(same, "score") == keys(default, "score"), "the one layer that is read anyway"


def test_the_layer_comes_from_the_validation_split(sentences: World) -> None:
    target = "sweep.target=[bitext]"
    plan = sentences.plan(target, "tasks.bitext.retrieval={layer: validation}", change=change)
    spec = plan.nodes[plan.cells[0].score].spec
    assert spec.search.layer == "validation"
    assert spec.choosing() == spec.threshold
    assert set(spec.choosing()) == {"de"}
    assert not any("chosen" in note for note in plan.notes)
    split = "tasks.bitext.eval={split: validation}"
    with pytest.raises(
        RecipeError, match=r"the layer cannot be chosen on them by default; .* set retrieval\.layer: scored"
    ):
        sentences.plan(target, split, "tasks.bitext.retrieval={threshold: scored, layer: validation}", change=change)
    plan = sentences.plan(target, split, "tasks.bitext.retrieval={threshold: scored, layer: scored}", change=change)
    assert not plan.nodes[plan.cells[0].score].spec.choosing()
    assert "bitext: the same validation gold chooses the layer and gives the scores" in plan.notes


def test_the_metric_that_chooses_a_layer_is_in_the_key(sentences: World) -> None:
    other = "tasks.parallel.metric=retrieval_accuracy_to_english"
    declared, chosen = (
        [sentences.plan(f"tasks.parallel.retrieval={{{layer}}}", *more, change=change) for more in ((), (other,))]
        for layer in ("layers: all", "layer: scored")
    )
    assert keys(declared[0], "score") == keys(declared[1], "score")
    assert keys(chosen[0], "score").isdisjoint(keys(chosen[1], "score"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tasks.parallel.retrieval={layer: 3}", "parallel: there is no layer 3: the encoder has 2 layers"),
        ("tasks.parallel.retrieval={threshold: scored}", "no pairs are mined, so there is no threshold"),
        ("tasks.parallel.retrieval={scoring: euclid}", "'euclid' is not a valid value"),
        ("tasks.parallel.retrieval={layer: -1}", "-1 is not a layer; write a number (0 for the embeddings), `valid"),
        ("tasks.parallel.retrieval={layer: best}", "'best' is not a layer"),
        ("tasks.parallel.retrieval={layers: 1}", "1 is not a list of layers; write `all`, or a list such as [0, 7, 8]"),
        ("tasks.parallel.retrieval={layers: [1, top]}", "[1, 'top'] is not a list of layers"),
        ("tasks.parallel.retrieval={layers: [1, 9]}", "parallel: there is no layer 9: the encoder has 2 layers"),
        ("tasks.parallel.retrieval={layer: validation}", "there is no validation file in any of de, sw"),
        ("tasks.parallel.retrieval={scorings: ratio}", "unknown key; did you mean 'scoring'?"),
        ("tasks.parallel.retrieval={scoring: margin}", "'margin' is not a valid value; one of: cosine, distance"),
        ("tasks.moods.retrieval={layer: 1}", "moods is a task of classification"),
        ("tasks.parallel.limit={test: 5}", "fewer sentences make the task easier"),
        ("tasks.parallel.holdout=5", "retrieval is not trained"),
        ("tasks.parallel.epochs=5", "retrieval is not trained"),
        ("tasks.parallel.files={train: [a.txt, b.txt], test: {de: [p/de.txt, p/en.txt]}}", "these files are not read"),
        ("tasks.parallel.files={test: [p/de.txt, p/en.txt]}", "the language of these files is unknown"),
        ("sweep.intermediate=[none, parallel]", "parallel cannot be used as intermediate"),
        ("tasks.parallel.files={test: {de: [p/de.txt, p/xx.txt]}}", "p/xx.txt does not exist"),
        ("tasks.parallel.files={test: {de: p/de.txt}}", "1 paths"),
        ("tasks.moods.files={train: [a.jsonl, b.jsonl], test: {en: moods/en.jsonl}}", "2 paths"),
    ],
)
def test_mistakes(sentences: World, override: str, message: str) -> None:
    def both(text: str) -> str:
        return change(text).replace("target: [parallel]", "target: [moods, parallel]")

    with pytest.raises(RecipeError) as caught:
        sentences.plan(override, change=both)
    assert message in str(caught.value)


def test_the_cost_is_that_of_the_layers_that_run(sentences: World) -> None:
    narrow = ("sweep.intermediate=[none]", "sweep.method=[lora]", "sweep.exclude=[]")

    def flops(*overrides: str) -> float:
        plan = sentences.plan(*narrow, *overrides, change=change)
        costs = estimate(plan, lambda _: {"examples": 4, "tokens": 20})
        return sum(costs[node.key].flops or 0.0 for node in nodes(plan, "predict"))

    layer = 4 * 16 * 17 + 2 * 16 * 32 + 32 + 16 + 4 * 16
    assert flops() == pytest.approx(2 * 20 * 2 * layer)  # two languages, 20 tokens, the first of two layers
    for above in ("layer: 2", "layers: all", "layer: scored"):
        assert flops(f"tasks.parallel.retrieval={{{above}}}") == pytest.approx(2 * flops())


def test_every_layer_is_read_so_no_hidden_states_are_kept_for_a_search(sentences: World) -> None:
    plan = sentences.plan("methods.lora.layers=top-1", "methods.stack.layers=top-1", change=change)
    kept = with_hidden_states(plan, lambda _: {"examples": 4, "tokens": 20}, (), 10**9)
    assert kept.cache.sets, "the intermediates' trainings read some"
    assert not any(node.hidden_states for node in nodes(kept, "predict"))


def test_why_and_gc_understand_these_nodes(sentences: World, tmp_path: Path) -> None:
    plan, store = sentences.plan(change=change), Store(tmp_path / "store")
    for node in plan.nodes.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "file").write_text(node.label, encoding="utf-8")
    assert removable(store, [plan], "all") == []
    other = sentences.plan("tasks.parallel.retrieval={layer: 2}", change=change)
    open_nodes = other.wanted(store.finished())
    assert {node.kind for node in open_nodes} == {"predict", "score"}
    predict = next(node for node in open_nodes if node.kind == "predict")
    planned = {key: node.spec.canonical() for key, node in other.nodes.items()}
    nearest = explain(predict.key, predict.spec.canonical(), store, planned)
    assert nearest is not None
    assert nearest["differences"] == [{"path": "retrieval.layer", "there": 1, "here": 2}]


def test_an_encoder_of_unknown_size_needs_a_layer(sentences: World) -> None:
    name = "models={tiny: {name: someone/encoder}}"
    with pytest.raises(RecipeError, match=r"unknown here \(name layers of someone/encoder with tasks.par"):
        sentences.plan(name, change=change)
    plan = sentences.plan(name, "tasks.parallel.retrieval={layer: 7}", change=change)
    assert {node.spec.matching.layers for node in nodes(plan, "predict")} == {(7,)}


def test_the_published_layers_of_xlm_r(sentences: World) -> None:
    for name, layer in (("base", 8), ("large", 14)):
        plan = sentences.plan(f"models={{tiny: {{name: FacebookAI/xlm-roberta-{name}}}}}", change=change)
        assert {node.spec.matching.layers for node in nodes(plan, "predict")} == {(layer,)}
        settings = json.loads(json.dumps(plan.nodes[plan.cells[0].score].spec.canonical()["search"]))
        assert settings == {"layer": layer, "special_tokens": True, "scoring": "cosine", "threshold": None}
