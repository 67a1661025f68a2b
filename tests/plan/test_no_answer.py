"""Plans of targets whose questions may have no answer: where the threshold comes from, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import RecipeError
from layover.plan import Plan

if TYPE_CHECKING:
    from tests.plan.conftest import World

TASK = (
    "  asked: {kind: span, labels: [no answer], train_language: en,\n"
    "    files: {train: q/train.json, validation: q/dev.json, test: {en: q/en.json, sw: q/sw.json}}}\n"
)
NARROW = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]")


@pytest.fixture
def asked(world: World) -> World:
    """A world with questions."""
    for name in ("train", "dev", "en", "sw"):
        world.ask(f"q/{name}.json", name)
    return world


def change(text: str) -> str:
    return text.replace("tasks:\n", f"tasks:\n{TASK}").replace("target: [moods]", "target: [asked]")


def scored(plan: Plan) -> Any:
    (cell,) = plan.cells
    return plan.nodes[cell.score]


def test_one_threshold_for_all_languages_from_the_language_of_the_training(asked: World) -> None:
    plan = asked.plan(*NARROW, change=change)
    score = scored(plan)
    threshold = score.spec.no_answer
    assert (threshold.tuned_on, threshold.language, threshold.value) == ("validation", "en", None)
    assert set(threshold.tuned) == set(score.spec.predictions) == {"en", "sw"}
    (tuned,) = set(threshold.tuned.values())
    assert tuned not in score.spec.predictions.values()
    assert set(tuned) <= set(score.needs)
    predict = plan.nodes[tuned[0]]
    assert predict.label.endswith("validation en")
    asked.ask("q/dev.json", "other questions")
    assert scored(asked.plan(*NARROW, change=change)).key != score.key


def test_a_number_needs_no_predictions(asked: World) -> None:
    score = scored(asked.plan(*NARROW, "tasks.asked.no_answer=0", change=change))
    assert (score.spec.no_answer.value, score.spec.no_answer.tuned) == (0.0, {})
    assert len(score.needs) == 5  # two predictions and their data, and what was trained on
    other = scored(asked.plan(*NARROW, "tasks.asked.no_answer=-1.5", change=change))
    assert other.spec.predictions == score.spec.predictions
    assert other.key != score.key


def test_the_scored_split_must_be_asked_for(asked: World) -> None:
    split = "tasks.asked.eval={split: validation}"
    with pytest.raises(RecipeError, match=r"asked: the validation data are scored.*no_answer: 0, or set no_answer"):
        asked.plan(*NARROW, split, change=change)
    plan = asked.plan(*NARROW, split, "tasks.asked.no_answer=scored", change=change)
    threshold = scored(plan).spec.no_answer
    assert threshold.tuned_on == "scored"
    assert threshold.tuned == scored(plan).spec.predictions
    assert "asked: the same validation gold tunes the threshold and gives the scores" in plan.notes


def test_without_validation_data_the_ways_out_are_named(asked: World) -> None:
    def without(text: str) -> str:
        return change(text).replace("validation: q/dev.json,", "")

    with pytest.raises(RecipeError, match=r"no validation data.*or do not tune the threshold.*no_answer: 0"):
        asked.plan(*NARROW, "train.select=null", change=without)
    assert scored(asked.plan(*NARROW, "train.select=null", "tasks.asked.no_answer=0", change=without))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tasks.moods.no_answer=0", "moods is a task of classification; no_answer is for span tasks with a label"),
        ("tasks.asked.labels=[]", "every question of asked has an answer"),
        ("tasks.asked.no_answer=test", "validation"),
        ("tasks.asked.no_answer=.nan", "finite"),
    ],
)
def test_what_means_nothing_is_refused(asked: World, override: str, message: str) -> None:
    more = ("tasks.asked.no_answer=0",) if "labels" in override else ()
    with pytest.raises(RecipeError, match=message):
        asked.plan(*NARROW, *more, override, "sweep.target=[asked, moods]", change=change)


def test_validation_data_under_the_name_of_test_data_are_still_the_scored_ones(asked: World) -> None:
    same = "tasks.asked.files.test={en: q/dev.json, sw: q/sw.json}"
    with pytest.raises(RecipeError, match="asked: the validation data are scored"):
        asked.plan(*NARROW, same, change=change)
    plan = asked.plan(*NARROW, same, "tasks.asked.no_answer=0", change=change)
    assert "asked: weights are selected on data that are also scored (validation en)" in plan.notes
    other = asked.plan(*NARROW, "tasks.asked.no_answer=0", change=change)
    assert not any("selected on" in note for note in other.notes)


def test_rows_without_gold_choose_no_threshold(asked: World) -> None:
    """Said before anything runs, for the run would stop after the training."""
    path = asked.root / "data" / "q" / "en.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    (paragraph,) = data["data"][0]["paragraphs"]
    paragraph["qas"].append({"id": "blind", "question": "what of it?"})
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"test en: 1 of 2 rows have no gold.*the threshold for no answer is tuned"):
        asked.plan(*NARROW, "tasks.asked.no_answer=scored", change=change)
    assert asked.plan(*NARROW, "tasks.asked.no_answer=0", change=change).cells
