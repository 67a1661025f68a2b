"""What a plan says of rows before anything runs, read once and remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover import kinds
from layover.data.formats import Row
from layover.data.tally import LIMIT, NO_GOLD, NO_TOKEN, NO_WINDOW, LeftOut, Reason, Tally, language_notes
from layover.data.task import Location
from layover.data.tokenizer import Tokenizer, stand_in
from layover.errors import RecipeError
from layover.estimates.cost import data_cost
from layover.plan import Plan, build
from layover.plan.hub import Revisions
from layover.plan.rows import encoded
from layover.plan.surveys import Surveys
from layover.recipe import load
from layover.store import FileHashes, Memory
from layover.tasks import OwnTask, declare, take_survey

if TYPE_CHECKING:
    from tests.plan.conftest import World

MOODS = ("sweep.intermediate=[none]", "sweep.method=[lora]", "sweep.seed=[1]")


def write(world: World, name: str, rows: list[dict[str, Any]]) -> Path:
    path = world.root / "data" / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(*texts: str, label: str = "no", **more: Any) -> list[dict[str, Any]]:
    return [{"text": text, "label": label, **more} for text in texts]


def notes(world: World, *overrides: str) -> list[str]:
    return list(world.plan(*MOODS, *overrides).notes)


def tokenized(plan: Plan, label: str) -> Any:
    return next(node for node in plan.nodes.values() if node.label == f"tokenize {label}").spec


def test_training_rows_without_a_label_are_told(world: World) -> None:
    path = write(world, "moods/train.jsonl", [*rows("a"), *rows("b", "c", label=""), *rows("d")])
    told = f"moods train en: 2 of 4 rows are not trained on: no gold (first {path}:2)"
    assert told in notes(world)
    write(world, "moods/train.jsonl", rows("a", "b"))
    assert not [note for note in notes(world) if "gold" in note]


def test_scored_rows_without_a_label_are_told_apart(world: World) -> None:
    path = write(world, "moods/en.jsonl", [*rows("x"), *rows("y", label="-")])
    told = f"moods test en: 1 of 2 rows have no gold (first {path}:2), so the language has no score"
    assert told in notes(world)
    write(world, "moods/en.jsonl", [{"text": "x"}, {"text": "y"}])
    assert "moods test: no row has gold in en; without gold there is no score" in notes(world)


def test_development_data_without_a_label_are_refused(world: World) -> None:
    path = write(world, "moods/dev.jsonl", [*rows("x"), *rows("y", label="-"), *rows("z")])
    for overrides in ((), ("tasks.moods.limit={validation: 3}",)):
        (found,) = refused(world, *overrides)
        assert found.endswith(
            f"tasks.moods: moods validation en: 1 of 3 rows have no gold (first {path}:2), but weights are selected on "
            "them; add their gold, remove them, or name another file"
        )
    assert world.plan(*MOODS, "train.select=null"), "nothing is chosen by them"
    lacking = [number for number in range(1, 4) if not _refuses(world, f"tasks.moods.limit={{validation: {number}}}")]
    assert lacking in ([1], [1, 2]), "a limit may leave the row out; of three it never does"
    write(world, "moods/dev.jsonl", rows("x", "y"))
    assert world.plan(*MOODS)


def test_training_data_without_any_label_are_refused(world: World) -> None:
    path = write(world, "moods/train.jsonl", rows("a", "b", label=""))
    (found,) = refused(world)
    assert found.endswith(f"moods train en: no row has gold (first {path}:1), so there is nothing to train on")


def refused(world: World, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        world.plan(*MOODS, *overrides)
    return [str(problem) for problem in caught.value.problems]


def _refuses(world: World, *overrides: str) -> bool:
    try:
        world.plan(*MOODS, *overrides)
    except RecipeError:
        return True
    return False


def test_a_file_that_cannot_be_read_is_told_with_its_line(world: World) -> None:
    path = write(world, "moods/en.jsonl", rows("x", label="maybe"))
    (found,) = refused(world)
    assert f"tasks.moods: test en cannot be read: {path}:1: 'maybe' is not a label" in found


def test_rows_that_the_recipe_leaves_out_are_not_told_again(world: World) -> None:
    write(world, "moods/train.jsonl", rows(*"abcdefgh"))
    assert not [note for note in notes(world, "tasks.moods.limit={train: 4}") if "rows" in note]


def test_several_languages_in_one_file_are_told(world: World) -> None:
    mixed = [*rows("a", lang="en"), *rows("b", lang="de"), *rows("c", lang="de")]
    write(world, "moods/en.jsonl", mixed)
    (found,) = [note for note in notes(world) if "column" in note]
    assert found == (
        "moods test en: read as en, but its column 'lang' names 2 (en 1, de 2); "
        'tasks.moods.where: {lang: "{language}"} selects the rows of one language'
    )
    write(world, "moods/en.jsonl", rows("a", "b", lang="en"))
    assert not [note for note in notes(world) if "column" in note]


def test_a_recipe_chooses_the_rows_of_each_language(world: World) -> None:
    mixed = [*rows("a", lang="en"), *rows("b", "c", lang="de"), *rows("d", lang="sw")]
    for name in ("moods/train.jsonl", "moods/dev.jsonl", "moods/en.jsonl"):
        write(world, name, mixed)
    chosen = (
        'tasks.moods.where={lang: "{language}"}',
        "tasks.moods.languages=[en, de]",
        "tasks.moods.files.test=moods/en.jsonl",
    )
    plan = world.plan(*MOODS, *chosen)
    assert {label: tokenized(plan, label).count for label in ("moods train en", "moods test en", "moods test de")} == {
        "moods train en": 1,
        "moods test en": 1,
        "moods test de": 2,
    }
    assert not [note for note in plan.notes if "column" in note]
    by_name = "tasks.moods.where={lang: {en: en, de: sw}}"
    assert tokenized(world.plan(*MOODS, by_name, *chosen[1:]), "moods test de").count == 1


def test_numbers_choose_rows_as_they_are_written(tmp_path: Path) -> None:
    task = declare(
        "t", OwnTask(kind="classification", labels=("x", "y"), text=("text",), train_language="en", where={"fold": 1})
    )  # type: ignore[dict-item]
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": str(fold), "label": "x", "fold": fold}) + "\n" for fold in (0, 1, "1", None)),
        encoding="utf-8",
    )
    place = task.locate("train", "en", root=tmp_path, files={"train": "a.jsonl"})
    assert place is not None
    assert [example.first for example in task.read(place)] == ["1", "1"]
    assert {one.reason: one.count for one in take_survey(task, place).left_out} == {
        "another value than `where` names": 2
    }


def test_a_star_in_where_is_only_itself(tmp_path: Path) -> None:
    declared = {"kind": "classification", "labels": ("x", "y"), "text": ("text",), "train_language": "en"}
    one, of_ten = (
        declare("t", OwnTask.model_validate({**declared, "where": {"stars": value}})) for value in ("*", "10*")
    )
    stars = ("*", "**", "*", "10*", "100")
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": f"{row}", "label": "x", "stars": each}) + "\n" for row, each in enumerate(stars)),
        encoding="utf-8",
    )
    for task, wanted in ((one, ["0", "2"]), (of_ten, ["3"])):
        place = task.locate("train", "en", root=tmp_path, files={"train": "a.jsonl"})
        assert place is not None
        assert [example.first for example in task.read(place)] == wanted


def test_a_literal_star_and_one_that_stands_for_anything_are_two_identities(tmp_path: Path) -> None:
    task = declare(
        "t",
        OwnTask(kind="classification", labels=("x", "y"), text=("text",), train_language="en", where={"id": "en-*"}),
    )
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": "x", "id": "en-*"}\n', encoding="utf-8")
    place = task.locate("train", "en", root=tmp_path, files={"train": "a.jsonl"})
    assert isinstance(place, Location)
    other = replace(place, source=place.source.model_copy(update={"literal": False}))
    assert place.identity(str) != other.identity(str)
    assert place.contents(str) != other.contents(str)
    plain = replace(place, source=place.source.model_copy(update={"where": {"id": "en"}}))
    assert plain.identity(str)["reading"]["where"] == {"id": "en"}  # type: ignore[call-overload,index]


def test_what_is_read_and_may_be_meant_otherwise_is_told(world: World) -> None:
    path = world.root / "data" / "moods" / "quoted.csv"
    path.write_text('text,label\na,no\n"one\ntwo",no\nb,no\nc,no\nd,no\n', encoding="utf-8")
    quoted = "tasks.moods.files.train=moods/quoted.csv"
    expected = (
        f"moods train en: value that runs over lines: 1 (first {path}:3); declare "
        "`multiline: true` if such values are right, `quoting: false` if their quotes are text"
    )
    assert expected in notes(world, quoted)
    assert not [note for note in notes(world, quoted, "tasks.moods.multiline=true") if "lines" in note]


def test_scored_texts_in_the_training_data_are_counted(world: World) -> None:
    write(world, "moods/train.jsonl", rows("one", "two", "three"))
    write(world, "moods/en.jsonl", rows("ONE ", "t w o", "four", label="yes"))
    assert "moods: 2 of 3 test texts (en) appear in the training data of moods" in notes(world)
    write(world, "moods/en.jsonl", rows("four"))
    assert not [note for note in notes(world) if "appear in" in note]


def test_an_intermediate_that_saw_the_scored_texts_is_told(world: World) -> None:
    write(world, "moods/en.jsonl", rows("one", "two"))
    write(world, "claims/train.jsonl", rows("zero", "one", "two"))
    after = ("sweep.intermediate=[none, claims]", "sweep.method=[lora]", "sweep.seed=[1]")
    told = "moods: 2 of 2 test texts (en) appear in the training data of claims"
    assert told in world.plan(*after).notes
    assert told not in notes(world)


def test_only_examples_that_are_used_count(world: World) -> None:
    write(world, "moods/train.jsonl", rows(*(f"text {number}" for number in range(40))))
    write(world, "moods/en.jsonl", rows(*(f"text {number}" for number in range(40))))
    found = {}
    held = "tasks.moods.files={train: moods/train.jsonl, test: {en: moods/en.jsonl}}"
    for wanted in ("limit={train: 10}", "holdout=30", "limit={test: 5}"):
        more = (held,) if "holdout" in wanted else ()
        plan = world.plan(*MOODS, f"tasks.moods.{wanted}", *more)
        (found[wanted],) = [note for note in plan.notes if "appear in" in note]
    assert found["limit={train: 10}"].startswith("moods: 10 of 40 test texts")
    assert found["holdout=30"].startswith("moods: 10 of 40 test texts")
    assert found["limit={test: 5}"].startswith("moods: 5 of 5 test texts")


def test_a_text_of_a_pair_is_known_too(world: World) -> None:
    pairs = "tasks.claims.text=[text, other]"
    for name in ("train", "dev", "en", "sw"):
        write(world, f"claims/{name}.jsonl", rows("one", other="two"))
    write(world, "moods/en.jsonl", rows("two", "one two", "three"))
    plan = world.plan("sweep.intermediate=[claims]", "sweep.method=[lora]", "sweep.seed=[1]", pairs)
    assert "moods: 1 of 3 test texts (en) appear in the training data of claims" in plan.notes


def test_pairs_and_choices_are_known_in_another_order(world: World) -> None:
    write(world, "claims/train.jsonl", [*rows("one", other="two"), *rows("three", other="four")])
    for name in ("dev", "en", "sw"):
        write(world, f"claims/{name}.jsonl", [*rows("two", other="one"), *rows("four", other=name)])
    claims = ("sweep.target=[claims]", "tasks.claims.text=[text, other]")
    assert "claims: 1 of 2 test texts (en), 1 of 2 (sw) appear in the training data of claims" in notes(world, *claims)
    choice = "tasks.moods={kind: choice, text: [q], choices: c, train_language: en, files: FILES}".replace(
        "FILES", "{train: moods/train.jsonl, validation: moods/dev.jsonl, test: {en: moods/en.jsonl}}"
    )
    for name, choices in (("train", ["a", "b"]), ("dev", ["x", "y"]), ("en", ["b", "a"])):
        write(world, f"moods/{name}.jsonl", [{"q": "which", "c": choices, "label": 0}])
    assert "moods: 1 of 1 test texts (en) appear in the training data of moods" in notes(world, choice)
    write(world, "moods/en.jsonl", [{"q": "which", "c": ["b", "c"], "label": 0}])
    assert not [note for note in notes(world, choice) if "appear in" in note]


def asked(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    answers = {"text": ["The"], "answer_start": [0]}
    return [
        {"id": str(number), "question": question, "context": f"The {context}", "answers": answers}
        for number, (question, context) in enumerate(pairs)
    ]


def test_other_questions_of_the_same_contexts_are_counted_apart(world: World) -> None:
    span = "tasks.moods={kind: span, train_language: en, files: FILES}".replace(
        "FILES", "{train: moods/train.jsonl, validation: moods/dev.jsonl, test: {en: moods/en.jsonl}}"
    )
    write(world, "moods/train.jsonl", asked(("who", "cat"), ("what", "cat"), ("who", "dog")))
    write(world, "moods/dev.jsonl", asked(("who", "bird")))
    write(world, "moods/en.jsonl", asked(("when", "cat"), ("where", "CAT"), ("when", "cow")))
    told = "moods: 1 of 2 test contexts (en) appear in the training data of moods, with other questions"
    assert [note for note in notes(world, span) if "appear in" in note] == [told]
    write(world, "moods/en.jsonl", asked(("who", "cat"), ("when", "dog"), ("when", "cow")))
    assert [note for note in notes(world, span) if "appear in" in note] == [
        "moods: 1 of 3 test texts (en) appear in the training data of moods",
        "moods: 1 of 3 test contexts (en) appear in the training data of moods, with other questions",
    ]
    write(world, "moods/en.jsonl", asked(("who", "cat"), ("what", "cat")))
    (only,) = [note for note in notes(world, span) if "appear in" in note]
    assert "contexts" not in only
    assert not [note for note in notes(world, span, "tasks.moods.limit={train: 1, test: 1}") if "contexts" in note]


def test_a_hold_out_that_leaves_nothing_is_refused_before_a_run(world: World) -> None:
    write(world, "moods/train.jsonl", rows("one", "two", "three"))
    files = "tasks.moods.files={train: moods/train.jsonl, test: {en: moods/en.jsonl}}"
    with pytest.raises(RecipeError) as refused:
        notes(world, files, "tasks.moods.holdout=3")
    (problem,) = refused.value.problems
    assert (problem.path, problem.where) == ("tasks.moods.holdout", "command line (tasks.moods.holdout=3)")
    assert "a hold-out of 3 takes all 3 examples" in problem.message
    assert "hold out fewer examples, or name a validation file instead of `holdout`" in problem.message
    assert world.plan(*MOODS, files, "tasks.moods.holdout=2").cells


def test_data_are_read_once(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import layover.plan.surveys as module

    taken: list[str] = []
    plain = module.take_survey
    monkeypatch.setattr(module, "take_survey", lambda task, place: taken.append(place.describe()) or plain(task, place))
    memory = tmp_path / "memory.json"
    recipe, revisions = load(world.recipe(), [*MOODS]), Revisions()
    revisions.offline = True

    def planned() -> Plan:
        kept = Memory(memory)
        plan = build(recipe, FileHashes(), revisions, kept)
        kept.save()
        return plan

    first, read = planned(), len(taken)
    assert sorted(taken) == sorted(set(taken))
    second = planned()
    assert len(taken) == read, "a second plan reads nothing"
    assert second.notes == first.notes
    assert {key: node.spec for key, node in second.nodes.items()} == {
        key: node.spec for key, node in first.nodes.items()
    }
    write(world, "moods/train.jsonl", rows("other"))
    planned()
    assert len(taken) == read + 2, "what changed, and the texts that are held against it"


def test_lengths_are_remembered_for_the_settings_they_were_measured_with(world: World) -> None:
    write(world, "moods/train.jsonl", rows(*("word " * 60 for _ in range(5))))
    memory, revisions = Memory(), Revisions()
    revisions.offline = True
    lengths = [
        tokenized(
            build(load(world.recipe(), [*MOODS, f"train.max_length={most}"]), FileHashes(), revisions, memory),
            "moods train en",
        ).tokens_each
        for most in (16, 32, 16)
    ]
    assert lengths == [16.0, 32.0, 16.0]


WORDS = ("party", "agreement", "hereto", "the", "of", "obligations", "section")


def contract(number: int) -> str:
    """Return a text of 80 to 900 words."""
    return " ".join(WORDS[(number * place) % len(WORDS)] for place in range(80 + 37 * number % 820))


def test_the_tokens_of_long_rows_are_measured(world: World, tokenizer: Tokenizer) -> None:
    """40 tokens for each row, as was assumed of every text, are a twelfth of these."""
    write(world, "moods/train.jsonl", rows(*(contract(number) for number in range(1, 301))))
    for max_length in (64, 512):
        inputs = tokenized(world.plan(*MOODS, f"train.max_length={max_length}"), "moods train en")
        examples = inputs.task.read(inputs.location)
        encoded = kinds.get("classification").encode(
            examples, tokenizer, labels=inputs.task.labels, max_length=max_length, stride=8
        )
        assert data_cost(inputs, None).tokens == pytest.approx(float(encoded.lengths.sum()), rel=0.05)
    assert inputs.tokens_each > 8 * kinds.get("classification").typical_tokens


def test_the_own_tokenizer_of_an_encoder_measures(world: World, segmented: Tokenizer) -> None:
    write(world, "moods/train.jsonl", rows("the ting what", "is"))
    other = tokenized(world.plan(*MOODS), "moods train en").tokens_each
    segmented.save(world.root / "encoder" / "tokenizer.json")
    inputs = tokenized(world.plan(*MOODS), "moods train en")
    encoded = kinds.get("classification").encode(
        inputs.task.read(inputs.location), segmented, labels=inputs.task.labels, max_length=32, stride=8
    )
    assert inputs.tokens_each == encoded.lengths.sum() / 2 != other


@pytest.mark.parametrize(("text", "tokens"), [("the red house", 3), ("agreements", 2), ("我们在一起", 3), ("a, b.", 4)])
def test_the_stand_in_counts_by_characters(text: str, tokens: int) -> None:
    assert len(stand_in().pieces([text])[text].ids) == tokens


def test_of_data_that_would_have_to_be_downloaded_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    from layover import tasks

    task = tasks.get("siqa")
    place = task.locate("validation", "en", root=None)
    assert place is not None
    assert place.hub is not None
    surveys = Surveys(FileHashes(), Memory())
    assert surveys.counted(task, place) is None


def counts(examples: int, used: int, left_out: list[LeftOut], unlearnable: list[LeftOut]) -> dict[str, Any]:
    return {
        "source_rows": 5,
        "examples": examples,
        "used": used,
        "left_out": [one.as_json() for one in left_out],
        "unlearnable": [one.as_json() for one in unlearnable],
    }


def left(reason: Reason, count: int, line: int) -> LeftOut:
    return LeftOut(reason.text, reason.sort, count, f"train.jsonl:{line}")


WINDOW = (
    "moods train en: 2 of 5 rows are trained on as questions without an answer: the answer is in no window of "
    "`max_length` tokens (first train.jsonl:7)"
)
NOTHING = (
    "moods train en: 1 of 5 rows are not trained on: nothing that the encoder could learn from (first train.jsonl:8)"
)


def test_what_only_the_encoding_knows_is_told_when_it_is_finished(world: World) -> None:
    plan = world.plan(*MOODS)
    beside = [left(NO_WINDOW, 2, 7), left(NO_TOKEN, 1, 8)]
    meta = dict.fromkeys(plan.nodes, counts(4, 3, [left(NO_GOLD, 1, 3), left(LIMIT, 1, 0)], beside))
    assert plan.unread == frozenset()
    assert encoded(plan, meta.get) == [WINDOW, NOTHING], "of no other set, and no gold is told by the plan itself"
    assert encoded(plan, lambda _: None) == []


def test_of_data_that_were_not_here_all_is_told_when_they_are_encoded(world: World) -> None:
    plan = world.plan(*MOODS)
    named = {node.label.removeprefix("tokenize moods "): key for key, node in plan.nodes.items()}
    plan = replace(plan, unread=frozenset({named["train en"], named["test en"]}))
    lacking = [left(NO_GOLD, 1, 3), left(LIMIT, 1, 0)]
    meta = {named["train en"]: counts(4, 3, lacking, [left(NO_WINDOW, 2, 7)])}
    gold = "moods train en: 1 of 5 rows are not trained on: no gold (first train.jsonl:3)"
    assert encoded(plan, meta.get) == [gold, WINDOW]
    meta = {named["test en"]: counts(4, 0, lacking, [left(NO_WINDOW, 2, 7)])}
    assert encoded(plan, meta.get) == ["moods test: no row has gold in en; without gold there is no score"]


def test_a_plan_knows_which_data_are_not_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Surveys.counted
    monkeypatch.setattr(
        Surveys, "counted", lambda self, task, place: None if place.split == "test" else counted(self, task, place)
    )
    plan = world.plan(*MOODS)
    assert [plan.nodes[key].label for key in plan.unread] == ["tokenize moods test en"]


def test_many_languages_are_not_counted_further_than_they_are_kept() -> None:
    tally = Tally()
    for number in range(300):
        tally.watch({"lang": f"l{number}"}, ())
    (told,) = language_notes(tally.several(), "moods", "en")
    assert "its column 'lang' names 200 or more (l0 1, " in told
    (told,) = language_notes({"lang": {f"l{number}": 1 for number in range(199)}}, "moods", "en")
    assert "its column 'lang' names 199 (l0 1, " in told


def test_an_example_without_a_file_has_the_place_of_its_row() -> None:
    tally, hub, file = Tally(), Row({}, "", 3), Row({}, "train.csv", 4)
    for row in (hub, file):
        tally.take(row.path, row.line)
    assert [tally.where(0), tally.where(1)] == [hub.where(), file.where()] == ["row 3", "train.csv:4"]


def test_rows_without_gold_outside_a_hold_out_are_no_obstacle(world: World) -> None:
    held = ("tasks.moods.holdout=3", "tasks.moods.files={train: moods/train.jsonl, test: {en: moods/en.jsonl}}")
    texts = [f"text {number}" for number in range(12)]
    write(world, "moods/train.jsonl", rows(*texts))
    inside = {tokenized_texts(world, *held)}
    outside = next(text for text in texts if text not in next(iter(inside)))
    lacking = [{"text": text, "label": "" if text == outside else "no"} for text in texts]
    path = write(world, "moods/train.jsonl", lacking)
    line = texts.index(outside) + 1
    found = [note for note in notes(world, *held) if "gold" in note]
    assert found == [f"moods train en: 1 of 12 rows are not trained on: no gold (first {path}:{line})"]
    held_text = next(iter(inside))[0]
    lacking = [{"text": text, "label": "" if text in {outside, held_text} else "no"} for text in texts]
    write(world, "moods/train.jsonl", lacking)
    (refusal,) = refused(world, *held)
    assert f"1 of 3 rows have no gold (first {path}:{texts.index(held_text) + 1}), but weights are selected" in refusal


def tokenized_texts(world: World, *overrides: str) -> tuple[str, ...]:
    plan = world.plan(*MOODS, *overrides)
    inputs = next(
        node.spec for node in plan.nodes.values() if node.kind == "tokenize" and node.spec.subset.part == "held"
    )
    held = inputs.subset.of(inputs.task.read(inputs.location), kinds.get(inputs.task.kind))
    return tuple(example.first for example in held)


def test_development_rows_that_are_left_out_need_no_gold(world: World) -> None:
    dev = write(world, "moods/dev.jsonl", [*rows("x"), *rows("secret", label="-"), *rows("z")])
    write(world, "other.jsonl", rows("Secret", label="no"))
    declared = "{kind: classification, labels: [no, yes], text: [text], train_language: en, files: {test: other.jsonl}}"
    other = (f"tasks.other={declared}", "tasks.moods.without=[other]")
    assert f"(first {dev}:2), but weights are selected" in refused(world)[0]
    assert world.plan(*MOODS, *other), "the row without gold is left out by `without`"
    write(world, "moods/dev.jsonl", [*rows("x"), *rows("secret", label="-"), *rows("z", label="-")])
    (found,) = refused(world, *other)
    assert f"1 of 2 rows have no gold (first {dev}:3), but weights are selected on them" in found


def test_a_misspelt_column_of_gold_is_named(world: World) -> None:
    write(world, "moods/en.jsonl", [{"text": "x", "lable": "no"}, {"text": "y", "lable": "yes"}])
    told = (
        "moods test: no row has gold in en (there is no column 'label'; did you mean 'lable'?); without gold there is"
    )
    assert f"{told} no score" in notes(world)
