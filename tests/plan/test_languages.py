"""Which languages of a task of XTREME are evaluated: its own, and XTREME-R's when they are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover import tasks
from layover.errors import LayoverError
from layover.plan import Plan
from layover.plan.data import DataRules
from layover.plan.hub import Revisions
from layover.plan.nodes import of
from layover.recipe import load
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec
from layover.store import FileHashes

if TYPE_CHECKING:
    from tests.plan.conftest import World


def evaluated(world: World, name: str, *overrides: str) -> set[str]:
    """Return the languages of a target on the hub, and those that are absent there."""
    path = world.recipe(lambda text: text.replace("target: [moods]", f"target: [{name}]"))
    recipe = load(path, [*overrides, "data_root=null"])
    revisions = Revisions()
    revisions.offline = True
    _, portions, absent = DataRules(recipe, revisions, FileHashes()).evaluated(recipe.tasks[name])
    return {*portions, *absent}


@pytest.mark.parametrize(("name", "count"), [("tatoeba", 36), ("panx", 40), ("udpos", 33), ("xquad", 11), ("xnli", 15)])
def test_all_languages_are_those_of_the_benchmark(world: World, name: str, count: int) -> None:
    found = evaluated(world, name)
    assert len(found) == count
    assert found == set(tasks.get(name).xtreme)


@pytest.mark.parametrize("name", ["tatoeba", "panx", "udpos", "xquad"])
def test_later_languages_are_evaluated_when_they_are_named(world: World, name: str) -> None:
    assert evaluated(world, name, "eval.languages=[de, ro]") == {"de", "ro"}
    assert evaluated(world, name, f"tasks.{name}={{eval: {{languages: [ro, de]}}}}") == {"de", "ro"}


def test_a_file_of_a_later_language_names_it(world: World) -> None:
    world.write("own.ro.json", "x")
    found = evaluated(world, "xquad", f"tasks.xquad={{files: {{test: {{ro: {world.root}/data/own.ro.json}}}}}}")
    assert found == {*tasks.get("xquad").xtreme, "ro"}


def test_pairs_of_mlqa_share_its_training(world: World) -> None:
    pairs = [f"mlqa/{part}-context-de-question-{code}.json" for part in ("dev", "test") for code in ("de", "en")]
    files = ["squad/train-v1.1.json", "mlqa/dev-context-en-question-en.json", *pairs]
    for file in files:
        world.ask(file, file)
    plan = world.plan(change=lambda text: text.replace("target: [moods]", "target: [mlqa, mlqa_pairs]"))
    trained: dict[tuple[str, str, int], set[str | None]] = {}
    for cell in plan.cells:
        trained.setdefault((cell.method, cell.intermediate, cell.seed), set()).add(cell.train)
    assert all(len(keys) == 1 for keys in trained.values())
    predicted = {node.spec.language for node in plan.nodes.values() if node.kind == "predict"}
    assert predicted == {"de", "de-en"}


def test_other_tasks_have_all_they_declare(world: World) -> None:
    assert len(evaluated(world, "xcopa")) == 11
    pairs = evaluated(world, "mlqa_pairs")
    assert len(pairs) == 42
    assert {"de-en", "en-de", "zh-vi"} < pairs
    assert "en-en" not in pairs


@pytest.mark.parametrize(("name", "count"), [("xnli_pairs", 28), ("pawsx_pairs", 12)])
def test_all_pairs_are_those_with_english(world: World, name: str, count: int) -> None:
    pairs = evaluated(world, name)
    assert pairs == set(tasks.get(name).usual)
    assert len(pairs) == count
    assert evaluated(world, name, "eval.languages=[zh-fr, en-fr]") == {"zh-fr", "en-fr"}


def write_nli(world: World) -> None:
    """Write a training set of MultiNLI, and parallel files of XNLI with the official labels in the German test."""
    rows = [
        "{c} sings.\t{c} is silent.\tcontradiction",
        "{c} rains.\t{c} is damp.\tentailment",
        "{c} a.\t{c} b.\tneutral",
    ]
    files = {"xnli/train-en.tsv": "train", "xnli/xglue-de-test.txt": "de"}
    files |= {f"xnli/{split}-{code}.tsv": code for split in ("dev", "test") for code in ("de", "en", "fr")}
    for name, code in files.items():
        path = world.root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{row.format(c=code)}\n" for row in rows), encoding="utf-8")
    label = world.root / "data/mnli/dev.csv"
    label.parent.mkdir(exist_ok=True)
    label.write_text("premise,hypothesis,label\ndev,dev a,neutral\ndev,dev b,entailment\n", encoding="utf-8")


def test_pairs_of_xnli_share_its_training(world: World) -> None:
    write_nli(world)
    plan = world.plan(change=lambda text: text.replace("target: [moods]", "target: [xnli, xnli_pairs]"))
    trained: dict[tuple[str, str, int], set[str | None]] = {}
    for cell in plan.cells:
        trained.setdefault((cell.method, cell.intermediate, cell.seed), set()).add(cell.train)
    assert all(len(keys) == 1 for keys in trained.values())
    scored = {node.spec.name: set(node.spec.predictions) for node in plan.nodes.values() if node.kind == "score"}
    assert scored == {"xnli": {"de", "en", "fr"}, "xnli_pairs": {"de-en", "en-de", "en-fr", "fr-en"}}
    (row,) = {node.spec.count for node in of(plan.nodes, TokenizeSpec) if node.spec.location.language == "fr-en"}
    assert row == 3


def test_pairs_have_the_files_that_the_recipe_names_for_the_parallel_task(world: World) -> None:
    write_nli(world)
    for code in ("de", "en"):
        path = world.root / f"data/own/xnli/test-{code}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        (world.root / f"data/xnli/test-{code}.tsv").rename(path)
    own = "tasks.xnli={files: {test: {de: own/xnli/test-de.tsv, en: own/xnli/test-en.tsv}}}"
    named, target = "eval.languages=[de-en]", "target: [xnli_pairs]"
    with pytest.raises(LayoverError, match=r"name a file with tasks\.xnli\.files\.test"):
        world.plan(named, change=lambda text: text.replace("target: [moods]", target))
    plan = world.plan(named, own, change=lambda text: text.replace("target: [moods]", target))
    places = {node.spec.location.describe() for node in of(plan.nodes, TokenizeSpec)}
    (place,) = (place for place in places if " x " in place)
    assert place.count("data/own/xnli/test-") == 2


def hans(world: World, *overrides: str) -> Plan:
    write_nli(world)
    path = world.root / "data/hans/heuristics_evaluation_set.txt"
    path.parent.mkdir()
    rows = ["gold_label\tsentence1\tsentence2", "entailment\ta b\ta", "non-entailment\tb a\ta"]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return world.plan(*overrides, change=lambda text: text.replace("target: [moods]", "target: [hans, xnli]"))


def test_hans_shares_a_training_and_merges_labels_in_predictions_alone(world: World) -> None:
    plan = hans(world, "tasks.xnli.select.language=en")
    labels = {node.spec.name: node.spec.labels for node in of(plan.nodes, PredictSpec)}
    assert labels["hans"] == ("entailment", "non-entailment", "non-entailment")
    assert labels["xnli"] == ("entailment", "neutral", "contradiction")
    trained = {task.labels for node in of(plan.nodes, TrainSpec) for task in node.spec.tasks if task.name == "hans"}
    assert trained <= {("entailment", "neutral", "contradiction")}
    selected = {
        task.selection.data for node in of(plan.nodes, TrainSpec) for task in node.spec.tasks
        if task.name == "hans" and task.selection is not None
    }  # fmt: skip
    places = {node.key: node.spec.location.describe() for node in of(plan.nodes, TokenizeSpec)}
    assert {places[key].rpartition("/")[2] for key in selected} == {"dev.csv"}


def test_data_with_merged_labels_select_no_weights(world: World) -> None:
    with pytest.raises(LayoverError, match="hans: it has other labels than mnli, which it trains on, so its"):
        hans(world, "tasks.hans.select.split=test")
