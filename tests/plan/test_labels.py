"""Plans of tasks whose labels are the tags of their training data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layover.errors import RecipeError
from layover.plan import Plan, build
from layover.plan.hub import Revisions
from layover.plan.nodes import of
from layover.recipe import load
from layover.specs.predict import PredictSpec
from layover.specs.tokenize import TokenizeSpec
from layover.specs.train import TrainSpec
from layover.store import FileHashes, Memory
from layover.tasks import Task

if TYPE_CHECKING:
    from tests.plan.conftest import World

TASKS = """\
  tags: {kind: tagging, labels: from training,
         files: {train: tags/train.tsv, validation: tags/dev.tsv, test: {en: tags/dev.tsv}}}
  others: {kind: tagging, labels: from training, train_task: tags, files: {test: {sw: tags/dev.tsv}}}
"""


@pytest.fixture
def tagged(world: World) -> World:
    """A world with two tasks of open labels."""
    write(world, "train", "a\tN\nb\tV\n\nc\tN/N\n")
    write(world, "dev", "a\tN\nb\tNEW\n")
    return world


def write(world: World, name: str, text: str) -> None:
    path = world.root / "data" / "tags" / f"{name}.tsv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def change(text: str) -> str:
    text = text.replace("tasks:\n", f"tasks:\n{TASKS}").replace("target: [moods]", "target: [tags, others]")
    return text.replace("intermediate: [none, claims]", "intermediate: [none, tags]")


def planned(world: World, *overrides: str) -> Plan:
    return world.plan(*overrides, change=change)


def labels(plan: Plan) -> set[tuple[str, ...]]:
    return {tuple(node.spec.canonical()["labels"]) for node in plan.nodes.values() if "labels" in node.spec.canonical()}


def test_every_node_has_the_sorted_tags_of_the_training_data(tagged: World) -> None:
    plan = planned(tagged)
    assert labels(plan) == {("N", "N/N", "V")}
    handed = {node.spec.task.labels for node in of(plan.nodes, TokenizeSpec)}
    handed |= {one.labels for node in of(plan.nodes, TrainSpec) for one in node.spec.tasks}
    handed |= {node.spec.labels for node in of(plan.nodes, PredictSpec)}
    assert handed == {("N", "N/N", "V")}
    assert labels(planned(tagged, "tasks.tags.limit={train: 1}")) == {("N", "N/N", "V")}


def test_a_tag_more_changes_what_uses_the_data_and_nothing_else_does(tagged: World) -> None:
    before = set(planned(tagged).nodes)
    write(tagged, "dev", "a\tN\nb\tNEWER\n")
    scored = planned(tagged)
    assert labels(scored) == {("N", "N/N", "V")}, "what other splits hold decides no label"
    write(tagged, "train", "a\tN\nb\tV\n\nc\tN/N\nd\tX\n")
    after = planned(tagged)
    assert labels(after) == {("N", "N/N", "V", "X")}
    assert not before & set(after.nodes)


def test_a_recipe_is_checked_without_reading_data(tagged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "read", lambda *_: pytest.fail("the data were read"))
    assert load(tagged.recipe(change)).tasks["others"].labels == ()


def test_training_data_are_read_once_and_remembered(tagged: World, tmp_path: Path) -> None:
    recipe, file = load(tagged.recipe(change)), tmp_path / "labels.json"

    def build_with(memory: Memory) -> Plan:
        revisions = Revisions()
        revisions.offline = True
        return build(recipe, FileHashes(), revisions, memory)

    memory = Memory(file)
    first = build_with(memory)
    memory.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "read", lambda *_: pytest.fail("the data were read again"))
        assert set(build_with(Memory(file)).nodes) == set(first.nodes)
    file.write_text("{", encoding="utf-8")
    assert set(build_with(Memory(file)).nodes) == set(first.nodes), "a damaged memory is made anew"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tN\nb\n", r"tags/train\.tsv:2: the line has 1 columns"),
        ("a\tN\nb\tN\n", r"tags/train\.tsv: 1 different labels, but 2 to 32767 are needed; is '1' the right column"),
        (None, r"tags/train\.tsv does not exist"),
    ],
)
def test_training_data_that_give_no_labels_are_told_with_all_else(
    tagged: World, text: str | None, message: str
) -> None:
    path = tagged.root / "data" / "tags" / "train.tsv"
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=message) as caught:
        planned(tagged, "models={tiny: {name: ./nowhere}}")
    said = [problem.path for problem in caught.value.problems]
    assert {"models.tiny", "tasks.tags"} <= set(said)
    assert text is None or said.count("tasks.tags") == 1
