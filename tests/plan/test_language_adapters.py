"""Language adapters in a plan: learned once, below every training, swapped with the language of what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError
from layover.estimates.cost import estimate
from layover.plan import Node, Plan
from layover.plan.collect import removable
from layover.plan.nodes import of
from layover.specs.train import TrainSpec
from layover.store import Store

if TYPE_CHECKING:
    from tests.plan.conftest import World

SECTION = """\
languages:
  module: bottleneck
  reduction: 2
  invertible: true
  epochs: 5
  text: {en: text/en.txt, sw: text/sw.txt}
sweep:"""


@pytest.fixture
def world(world: World) -> World:
    (world.root / "data" / "text").mkdir()
    for language in ("en", "sw"):
        (world.root / "data" / "text" / f"{language}.txt").write_text(f"some {language}\nmore {language}\n", "utf-8")
    world.write("moods/sw.jsonl", "moods sw")
    return world


def spoken(section: str = SECTION, *more: Callable[[str], str]) -> Callable[[str], str]:
    """Return what gives the recipe language adapters, and `lora` and `stack` a twin each that uses them."""

    def change(text: str) -> str:
        twins = (
            "  mad: {module: lora, compose: warm, lr: 4e-4, rank: 4, languages: true}\n"
            "  mads: {module: lora, compose: stack, lr: 4e-4, rank: 4, languages: true}\n"
            "  top: {module: none, languages: true}\n"
        )
        text = text.replace("train: {batch", f"{twins}train: {{batch").replace("sweep:", section)
        text = text.replace("[full, head, lora, stack]", "[lora, stack, mad, mads, top]")
        text = text.replace("{en: moods/en.jsonl}", "{en: moods/en.jsonl, sw: moods/sw.jsonl}")
        for one in more:
            text = one(text)
        return text

    return change


def adapters(plan: Plan) -> dict[str, Node]:
    """Return the trainings of adapters by language."""
    trained = of(plan.nodes, TrainSpec)
    found = {node.key: node for node in trained if [one.kind for one in node.spec.tasks] == ["mlm"]}
    return {node.spec.name.removeprefix("language/"): node for node in found.values()}


def cells(plan: Plan, method: str) -> list[Node]:
    return [plan.nodes[cell.score] for cell in plan.cells if cell.method == method]


def test_one_training_per_language_for_all_methods_and_seeds(world: World) -> None:
    plan = world.plan(change=spoken())
    found = adapters(plan)
    assert found.keys() == {"en", "sw"}
    for node in found.values():
        identity = node.spec.canonical()
        assert identity["seed"] == 1
        assert (identity["epochs"], identity["select"], identity["compose"]) == (5.0, None, None)
        assert identity["module"]["invertible"] is True
        assert "languages" not in identity
    other = world.plan("languages.seed=7", change=spoken())
    assert all(node.spec.canonical()["seed"] == 7 for node in adapters(other).values())
    assert {node.key for node in found.values()}.isdisjoint(other.nodes)


def test_each_language_is_read_by_its_own_adapter(world: World) -> None:
    plan = world.plan(change=spoken())
    key = {language: node.key for language, node in adapters(plan).items()}
    for method in ("mad", "mads", "top"):
        for score in cells(plan, method):
            for language, (predicted, _) in score.spec.predictions.items():
                node = plan.nodes[predicted]
                assert (node.spec.canonical()["language"], *node.spec.adapters) == (key[language], key[language])
                assert key[language] in node.needs
            assert score.spec.language_adapters == {"en": "en", "sw": "sw"}
    trainings = [node for node in plan.nodes.values() if node.kind == "train" and "languages" in node.spec.canonical()]
    # moods: mad and mads after none (one node) and claims, top after none; claims for both: two seeds each
    assert len(trainings) == (1 + 2 + 1 + 1) * 2
    for node in trainings:
        assert node.spec.canonical()["languages"] == {"train": key["en"], "select": key["en"]}
        assert key["en"] in node.needs
        assert key["sw"] not in node.needs


def test_a_method_without_adapters_knows_nothing_of_them(world: World) -> None:
    bare = spoken("sweep:", lambda text: text.replace(", languages: true", ""))
    plain, with_adapters = world.plan("sweep.method=[lora, stack]", change=spoken()), world.plan(change=spoken())
    before = world.plan("sweep.method=[lora, stack]", change=bare)
    for method in ("lora", "stack"):
        keys = [node.key for node in cells(plain, method)]
        assert (
            keys == [node.key for node in cells(with_adapters, method)] == [node.key for node in cells(before, method)]
        )
        assert all(node.spec.language_adapters is None for node in cells(with_adapters, method))
        assert all("language_adapters" not in node.spec.canonical() for node in cells(with_adapters, method))


def test_a_changed_text_changes_what_it_touches(world: World) -> None:
    before = world.plan(change=spoken())
    (world.root / "data" / "text" / "sw.txt").write_text("other sw\n", "utf-8")
    after = world.plan(change=spoken())
    gone = [before.nodes[key] for key in before.nodes.keys() - after.nodes.keys()]
    assert {(node.kind, node.spec.language) for node in gone if node.kind == "predict"} == {("predict", "sw")}
    assert [node.spec.name for node in gone if node.kind == "train"] == ["language/sw"]


def test_a_language_without_text_is_an_error_or_falls_back_with_a_note(world: World) -> None:
    only = SECTION.replace(", sw: text/sw.txt", "")
    with pytest.raises(RecipeError) as raised:
        world.plan(change=spoken(only))
    assert "sw has no adapter, but data of moods are in sw" in str(raised.value)
    assert "languages.fallback: en" in str(raised.value)
    plan = world.plan("languages.fallback=en", change=spoken(only))
    assert "mad, mads, top: languages.text has no sw; the adapter of en is used instead" in plan.notes
    (key,) = [node.key for node in adapters(plan).values()]
    for score in cells(plan, "mad"):
        assert score.spec.language_adapters == {"en": "en", "sw": "en"}
        assert all(plan.nodes[predicted].spec.adapters == (key,) for predicted, _ in score.spec.predictions.values())
    whole = world.plan("languages.fallback=en", change=spoken())
    assert not any("is used instead" in note for note in whole.notes)


def test_equal_text_is_one_adapter_and_the_record_still_says_which(world: World) -> None:
    (world.root / "data" / "text" / "sw.txt").write_bytes((world.root / "data" / "text" / "en.txt").read_bytes())
    same = world.plan(change=spoken())
    fallen = world.plan("languages.fallback=en", change=spoken(SECTION.replace(", sw: text/sw.txt", "")))
    assert len(adapters(same)) == 1
    one, other = cells(same, "mad")[0], cells(fallen, "mad")[0]
    assert one.spec.canonical()["predictions"] == other.spec.canonical()["predictions"]
    assert one.key != other.key, "another record"


def test_the_training_language_must_have_text(world: World) -> None:
    section = SECTION.replace("en: text/en.txt, ", "")
    with pytest.raises(RecipeError) as raised:
        world.plan("languages.fallback=sw", change=spoken(section))
    assert "moods, claims: trained in en, but languages.text has only sw" in str(raised.value)


def test_development_data_are_read_by_the_adapter_of_their_language(world: World) -> None:
    files = ("{train: moods/train.jsonl, validation: moods/dev.jsonl",
             "{train: moods/train.jsonl, validation: {en: moods/dev.jsonl, sw: moods/sw.jsonl}")  # fmt: skip
    both = spoken(SECTION, lambda text: text.replace(*files))
    plan = world.plan("train.select.language=sw", "sweep.intermediate=[none]", "sweep.method=[mad]", change=both)
    key = {language: node.key for language, node in adapters(plan).items()}
    trained = [node for node in plan.nodes.values() if node.kind == "train" and "languages" in node.spec.canonical()]
    assert [node.spec.canonical()["languages"] for node in trained] == [{"train": key["en"], "select": key["sw"]}] * 2


def test_retrieval_reads_each_side_by_its_own_adapter(world: World) -> None:
    data = world.root / "data"
    (data / "pairs").mkdir()
    for side in ("sw", "en"):
        (data / "pairs" / f"{side}.txt").write_text("a\nb\n", "utf-8")
    task = "  pairs: {kind: retrieval, files: {test: {sw: [pairs/sw.txt, pairs/en.txt]}}}\n"
    paired = spoken(SECTION, lambda text: text.replace("languages:\n", f"{task}languages:\n"))
    plan = world.plan("sweep.target=[pairs]", "sweep.method=[lora, mad, mads]", change=paired)
    key = {language: node.key for language, node in adapters(plan).items()}
    alone = {cell.method: cell.score for cell in plan.cells if cell.intermediate == "none"}
    assert alone["mad"] == alone["mads"] != alone["lora"]
    for method in ("mad", "mads"):
        for score in cells(plan, method):
            (node,) = [plan.nodes[predicted] for predicted, _ in score.spec.predictions.values()]
            assert node.spec.adapters == (key["sw"], key["en"])
            assert node.spec.canonical()["languages"] == [key["sw"], key["en"]]
            assert score.spec.language_adapters == {"en": "en", "sw": "sw"}
    assert all(plan.nodes[cell.score].spec.language_adapters is None for cell in plan.cells if cell.method == "lora")


def test_adapters_have_a_cost_and_are_kept_while_they_are_needed(world: World, tmp_path: Path) -> None:
    plan = world.plan(change=spoken())
    costs = estimate(plan, lambda _: {"examples": 2, "tokens": 8})
    inner = {"en": 2 * (16 * 8) + 8 + 16, "sw": 2 * (16 * 8) + 8 + 16}
    coupling = 2 * (8 * 4 + 4 + 4 * 8 + 8)
    for language, node in adapters(plan).items():
        cost = costs[node.key]
        assert cost.disk_bytes == 4 * (2 * inner[language] + coupling)
        assert cost.flops
        assert cost.peak_bytes
    store = Store(tmp_path / "store")
    for node in plan.nodes.values():
        with store.writing(node.kind, node.spec.canonical(), node.needs) as folder:
            (folder / "file").write_text(node.label, encoding="utf-8")
    keys = {node.key for node in adapters(plan).values()}
    assert keys <= set(removable(store, [plan], "records"))
    (unfinished, *_) = cells(plan, "mad")
    for key in (unfinished.key, *(predicted for predicted, _ in unfinished.spec.predictions.values())):
        store.remove(key)
    assert not keys & set(removable(store, [plan], "records"))
    without = world.plan("sweep.method=[lora, stack]", change=spoken())
    assert keys <= set(removable(store, [without], "all"))
