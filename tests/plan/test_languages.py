"""Which languages of a task of XTREME are evaluated: its own, and XTREME-R's when they are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layover import tasks
from layover.plan.data import DataRules
from layover.plan.hub import Revisions
from layover.recipe import load
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
