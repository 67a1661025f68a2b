"""What a card tells of the data behind a training."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.made_specs import DATA, a_training, chosen_in, some_data, some_scores

import layover
from layover import tasks
from layover.data.augment import Augment
from layover.errors import LayoverError
from layover.hub import facts
from layover.hub.facts import data_of
from layover.plan import Cell
from layover.records import Record
from layover.report import CellRow


def test_joined_data_are_told_part_by_part() -> None:
    """Each with its own source and licence, and none with the number of all examples."""
    joined = tasks.get("anli_plus")
    place = joined.locate("train", "en", root=None)
    assert place is not None
    nodes = {
        "training": SimpleNamespace(spec=a_training()),
        DATA: SimpleNamespace(spec=some_data(joined, place)),
    }
    known = {part.name: part for part in joined.parts}
    plan: Any = SimpleNamespace(nodes=nodes, recipe=SimpleNamespace(tasks=known))
    found = data_of(plan, cast("Any", None), ["training"])
    assert [one.task for one in found] == [part.name for part in joined.parts]
    assert {one.joined for one in found} == {"anli_plus"}
    assert {one.examples for one in found} == {None}
    assert {one.task: one.licence for one in found} == {name: task.licence for name, task in known.items()}
    assert len({one.hub for one in found}) == len(found)


@pytest.mark.parametrize("copies", [None, 3])
def test_copies_with_synonyms_are_told_beside_the_examples(copies: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of examples is that of the data, and not of the copies."""
    for name, count in (("mnli", 100), ("anli_plus", None)):
        task = tasks.get(name)
        place = task.locate("train", "en", root=None)
        assert place is not None
        augment = None if copies is None else Augment("0" * 64, copies)
        nodes = {
            "training": SimpleNamespace(spec=a_training()),
            DATA: SimpleNamespace(spec=replace(some_data(task, place), augment=augment)),
        }
        known = {part.name: part for part in task.parts}
        plan: Any = SimpleNamespace(nodes=nodes, recipe=SimpleNamespace(tasks=known))
        monkeypatch.setattr(facts, "load_meta", lambda *_: {"examples": 100 * (copies or 1)})
        told = data_of(plan, cast("Any", None), ["training"])
        assert {(fact.examples, fact.copies) for fact in told} == {(count, copies)}


def test_a_column_that_cannot_stand_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error that says whose it is, for what a recipe may name and a card may not."""
    own = tasks.declare("moods", tasks.OwnTask(kind="classification", labels=("bad", "good"), text=("te\txt",)))
    place: Any = SimpleNamespace(language="en")
    document = SimpleNamespace(train=SimpleNamespace(stride=0))
    recipe = SimpleNamespace(tasks={"moods": own}, document=document)
    plan: Any = SimpleNamespace(nodes={DATA: SimpleNamespace(spec=some_data(own, place))}, recipe=recipe)
    monkeypatch.setattr(facts, "load_meta", lambda *_: {"rows": 1, "examples": 1})
    with pytest.raises(
        LayoverError, match=r"^moods: a card cannot contain the task: a name has unprintable characters;"
    ):
        facts.task_of(plan, cast("Any", None), a_training(name="moods"))


def test_the_version_of_layover_is_that_of_this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata of an older installation say nothing about the code that runs."""
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"{name} of some installation")
    found = facts.versions()
    assert found["layover"] == layover.__version__
    assert found["torch"] == "torch of some installation"


@pytest.mark.parametrize(("language", "said"), [("und", "an unknown language"), ("sw", "sw")])
def test_what_chose_the_weights_names_no_code_for_an_unknown_language(language: str, said: str) -> None:
    chosen = chosen_in(language)
    assert facts._selection(a_training(tasks=(chosen,))) == f"accuracy in {said}"
    assert facts._selection(a_training(tasks=(chosen, chosen))) == f"mean of accuracy in {said}"


def test_other_seeds_are_shown_over_the_same_languages_or_as_a_gap() -> None:
    def row(seed: int, **scores: float) -> CellRow:
        record = Record(
            metrics=("accuracy",),
            source_language="en",
            languages={name: {"accuracy": value} for name, value in scores.items()},
            examples=dict.fromkeys(scores, 10),
            missing={},
        )
        cell = Cell("base", "lora", "none", "xnli", seed, "training", "scoring", None)
        return CellRow(cell, "accuracy", "test", {}, record, None, None)

    rows = [row(1, en=80.0, de=60.0), row(2, en=90.0), row(3, de=50.0, en=70.0)]
    nodes = {"scoring": SimpleNamespace(spec=some_scores())}
    plan: Any = SimpleNamespace(nodes=nodes, recipe=SimpleNamespace(baseline=lambda: None))
    scores = facts.scores_of(plan, cast("Any", None), rows[0], rows)
    assert scores is not None
    assert scores.by_seed == {"1": 70.0, "2": None, "3": 60.0}
