"""What a plan says about data seen before, and how they are left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import RecipeError
from layover.plan import Plan
from layover.plan.nodes import of
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

NARROW = ("sweep.method=[lora]", "sweep.exclude=[]", "sweep.seed=[1]")


def noted(plan: Plan, word: str) -> list[str]:
    return [note for note in plan.notes if word in note]


def trained_on(plan: Plan, task: str) -> Any:
    (key,) = {key for node in of(plan.nodes, TrainSpec) if node.spec.name == task for key in node.spec.data_keys()}
    return plan.nodes[key]


def test_the_same_training_data_under_another_name_are_found(world: World) -> None:
    plan = world.plan(*NARROW)
    assert not noted(plan, "same data")
    same = world.plan(*NARROW, "tasks.moods.files.train=claims/train.jsonl")
    assert noted(same, "same data") == [
        "moods after claims: both train on the same data; a gain here does not come from another task"
    ]
    assert not noted(world.plan(*NARROW, "sweep.intermediate=[none]"), "same data")


def squad(world: World, name: str, *more: str) -> None:
    qas = [{"id": "1", "question": "what?", "answers": [{"text": "a", "answer_start": 0}]}]
    path = world.root / "data" / name
    path.parent.mkdir(exist_ok=True)
    paragraphs = [{"context": f"a {text}", "qas": qas} for text in (name, *more)]
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")


@pytest.fixture
def questions(world: World) -> World:
    """A world with SQuAD's and XQuAD's files."""
    for name in ("squad/train-v1.1.json", "squad/dev-v1.1.json", "xquad/xquad.en.json", "xquad/xquad.de.json"):
        squad(world, name)
    return world


XQUAD = (*NARROW, "sweep.target=[xquad]", "sweep.intermediate=[none]")


def test_texts_that_a_target_is_scored_on_are_named_until_they_are_left_out(questions: World) -> None:
    plan = questions.plan(*XQUAD)
    assert noted(plan, "scored texts") == [
        "xquad: scored texts are also in the validation data of squad; set tasks.squad.without: [xquad] to remove them"
    ]
    assert not noted(questions.plan(*XQUAD, "train.select=null"), "scored texts")
    other = questions.plan(*XQUAD, "tasks.squad={without: [xquad]}")
    assert not noted(other, "scored texts")
    data = trained_on(other, "xquad")
    assert [one.at().language for one in data.spec.without] == ["de", "en"]
    assert data.key != trained_on(plan, "xquad").key
    scored = [{data for _, data in each.nodes[each.cells[0].score].spec.predictions.values()} for each in (plan, other)]
    assert scored[0] == scored[1], "what is scored stays whole"
    squad(questions, "xquad/xquad.es.json")
    assert trained_on(questions.plan(*XQUAD, "tasks.squad={without: [xquad]}"), "xquad").key != data.key


def test_of_a_hold_out_and_of_own_files_nothing_is_said(questions: World) -> None:
    squad(questions, "squad/train-v1.1.json", "another")
    for override in ("tasks.squad={holdout: 1}", "tasks.squad={files: {validation: squad/train-v1.1.json}}"):
        assert not noted(questions.plan(*XQUAD, override), "scored texts")


def test_a_hold_out_in_place_of_official_validation_data_is_told(questions: World) -> None:
    squad(questions, "squad/train-v1.1.json", "another")
    told = "squad: 1 training examples (holdout) replace its validation data (en), which are not used"
    assert told in questions.plan(*XQUAD, "tasks.squad={holdout: 1}").notes
    assert not noted(questions.plan(*XQUAD), "replace its validation")
    (questions.root / "data" / "squad/dev-v1.1.json").unlink()
    assert not noted(questions.plan(*XQUAD, "tasks.squad={holdout: 1}"), "replace its validation")


def test_data_that_are_selected_on_and_scored_are_found_by_their_rows(world: World) -> None:
    """Whatever is left out of them, and whichever split they are called."""
    narrow = (*NARROW, "sweep.intermediate=[none]")
    scored = "tasks.moods.eval={split: validation}"
    for override in (scored, "tasks.moods.files.test={en: moods/dev.jsonl}"):
        for without in ((), ("tasks.moods.without=[claims]",)):
            plan = world.plan(*narrow, override, *without)
            assert noted(plan, "selected") == [
                "moods: weights are selected on data that are also scored (validation en)"
            ]
    assert not noted(world.plan(*narrow), "selected")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("tasks.xquad={without: [mlqa]}",), r"xquad trains on squad; set tasks\.squad\.without instead"),
        (("tasks.moods.without=[moods]", "sweep.target=[moods]"), "moods cannot leave out its own"),
        (("tasks.squad={without: xquad}",), r"'xquad' is not a list; write \[xquad\]"),
        (("tasks.tatoeba={without: [xquad]}",), "is not allowed for tatoeba: retrieval is not trained"),
        (
            ("tasks.mnli={limit: {train: 3}}", "sweep.intermediate=[anli_plus]"),
            r"mnli is only a part of anli_plus; set tasks\.anli_plus\.limit instead",
        ),
    ],
)
def test_settings_that_nothing_would_obey_are_refused(
    questions: World, overrides: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        questions.plan(*XQUAD, *overrides)


def test_what_is_left_out_may_itself_have_parts(questions: World) -> None:
    """Then its development data are looked for in all of them."""
    with pytest.raises(RecipeError, match="anli_plus: no test data"):
        questions.plan(*XQUAD, "tasks.squad={without: [anli_plus]}")


def test_an_unknown_task_to_leave_out(questions: World) -> None:
    with pytest.raises(RecipeError, match=r"tasks\.squad\.without\[0\]: unknown task 'xqud'; did you mean 'xquad'"):
        questions.plan(*XQUAD, "tasks.squad={without: [xqud]}")
