"""The languages of data: said or unknown, never guessed; what `check` accepts, `plan` accepts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from layover.errors import RecipeError
from layover.plan import Plan
from layover.plan.nodes import of, spec_at
from layover.recipe import load
from layover.specs.score import ScoreSpec
from layover.specs.train import TrainSpec

if TYPE_CHECKING:
    from tests.plan.conftest import World

NARROW = ("sweep.method=[lora]", "sweep.intermediate=[none]", "sweep.exclude=[]", "sweep.seed=[1]")
TRAIN, DEV = "moods/train.jsonl", "moods/dev.jsonl"


def moods(files: str, more: str = "") -> str:
    return f"tasks.moods={{kind: classification, labels: [no, yes], text: [text], {more} files: {files}}}"


def trained(plan: Plan) -> Any:
    return plan.nodes[plan.cells[0].train].spec


def source_language(plan: Plan) -> str | None:
    spec = spec_at(plan.nodes, plan.cells[0].score, ScoreSpec)
    assert spec.canonical()["source_language"] == spec.source_language
    return spec.source_language


@pytest.mark.parametrize(
    ("files", "more", "language"),
    [
        (f"{{train: {TRAIN}, validation: {DEV}, test: {{sw: moods/sw.jsonl}}}}", "", "und"),
        (f"{{train: {TRAIN}, validation: {DEV}, test: {{sw: moods/sw.jsonl}}}}", "train_language: sw,", "sw"),
        (f"{{train: {{sw: {TRAIN}}}, validation: {DEV}, test: {{sw: moods/sw.jsonl}}}}", "", "sw"),
        (f"{{train: {TRAIN}, validation: {DEV}, test: {DEV}}}", "languages: [sw],", "und"),
        (f"{{train: {TRAIN}, validation: {DEV}, test: {DEV}}}", "train_language: sw,", "sw"),
    ],
)
def test_the_language_of_the_training_is_what_the_recipe_says(
    world: World, files: str, more: str, language: str
) -> None:
    plan = world.plan(*NARROW, moods(files, more))
    assert source_language(plan) == language
    noted = [note for note in plan.notes if "the language of its training data is unknown" in note]
    assert [note.split(":")[0] for note in noted] == (["moods"] if language == "und" else [])


def test_a_task_without_english_is_selected_on_its_own_language(world: World) -> None:
    files = f"{{train: {{tr: {TRAIN}}}, validation: {{de: {DEV}, tr: {DEV}}}, test: {{de: {DEV}, tr: {DEV}}}}}"
    plan = world.plan(*NARROW, moods(files))
    assert trained(plan).selection.language == "tr"
    assert source_language(plan) == "tr"


def test_a_pattern_is_filled_by_what_is_said_or_refused(world: World) -> None:
    for language in ("de", "tr"):
        for split in ("train", "dev"):
            world.write(f"moods/{split}-{language}.jsonl", f"{split} {language}")
    files = (
        "{train: 'moods/train-{language}.jsonl', validation: 'moods/dev-{language}.jsonl', test: {de: moods/sw.jsonl}}"
    )
    plan = world.plan(*NARROW, moods(files, "languages: [de, tr], train_language: tr,"))
    assert (source_language(plan), trained(plan).selection.language) == ("tr", "tr")
    assert source_language(world.plan(*NARROW, moods(files, "languages: [de],"))) == "de"
    with pytest.raises(
        RecipeError, match=r"tasks\.moods\.files\.train: has \{language\} in a path, but the language is unknown"
    ):
        load(world.recipe(), [*NARROW, moods(files, "languages: [de, tr],")])
    with pytest.raises(RecipeError) as refused:
        load(world.recipe(), [*NARROW, moods(files)])
    assert [problem.path for problem in refused.value.problems] == [
        "tasks.moods.files.train",
        "tasks.moods.files.validation",
    ]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            (moods(f"{{train: {TRAIN}, validation: {{de: {DEV}, tr: {DEV}}}, test: {{tr: {DEV}}}}}"),),
            "validation data are in de, tr, and its training data are in und; name the language that selects",
        ),
        (
            (moods(f"{{train: {TRAIN}, validation: {DEV}, test: {DEV}}}", "languages: [de, tr],"),),
            "one file for several languages (de, tr); name its language: {de: FILE}",
        ),
        (
            (moods(f"{{train: {{sw: {TRAIN}}}, validation: {DEV}, test: {{sw: {DEV}}}}}", "train_language: en,"),),
            "names a file in sw, but train_language is en",
        ),
        (
            (moods(f"{{train: {TRAIN}, validation: {DEV}, test: {DEV}}}"), "eval.languages=[sw]"),
            "the language of its test data is unknown; write files.test: {sw: FILE}",
        ),
        (
            (moods(f"{{train: {TRAIN}, validation: {DEV}, test: {{de: {DEV}}}}}"), "eval.split=validation"),
            None,
        ),
        (
            (moods(f"{{train: {TRAIN}, validation: {{de: {DEV}}}}}"),),
            "moods has no test split to score; name one with files.test, or score another split: eval:",
        ),
        (
            (moods(f"{{train: {TRAIN}, validation: {{de: {DEV}}}, test: {{de: {DEV}}}}}"), "train.select.language=ed"),
            "train.select.language: moods has no validation data in 'ed'; one of: de",
        ),
        (
            (
                moods(f"{{train: {TRAIN}, validation: {{de: {DEV}}}, test: {{de: {DEV}}}}}"),
                "tasks.moods.select={language: ed}",
            ),
            "tasks.moods.select.language: moods has no validation data in 'ed'; one of: de",
        ),
    ],
)
def test_what_check_accepts_plan_accepts(world: World, overrides: tuple[str, ...], message: str | None) -> None:
    if message is None:
        assert load(world.recipe(), [*NARROW, *overrides])
        assert world.plan(*NARROW, *overrides).cells
        return
    with pytest.raises(RecipeError) as refused:
        load(world.recipe(), [*NARROW, *overrides])
    assert message in str(refused.value)
    assert len(refused.value.problems) == 1


def test_select_of_one_task_speaks_before_train(world: World) -> None:
    files = moods(f"{{train: {{de: {TRAIN}}}, validation: {{de: {DEV}, sw: {DEV}}}, test: {{sw: moods/sw.jsonl}}}}")
    usual = trained(world.plan(*NARROW, files))
    assert (usual.selection.language, usual.selection.every, usual.selection.patience) == ("de", None, None)
    own = trained(world.plan(*NARROW, files, "train.select.every=7", "tasks.moods.select={language: sw, patience: 2}"))
    assert (own.selection.language, own.selection.every, own.selection.patience) == ("sw", 7, 2)
    assert trained(world.plan(*NARROW, files, "tasks.moods.select=null")).selection is None
    only = trained(world.plan(*NARROW, files, "train.select=null", "tasks.moods.select={every: 3}"))
    assert (only.selection.language, only.selection.every) == ("de", 3)
    same = world.plan(*NARROW, files, "tasks.moods.select={language: de}")
    assert same.cells[0].train == world.plan(*NARROW, files).cells[0].train, "the same choice is the same training"
    claims = {cell.train for cell in world.plan(*NARROW, "sweep.target=[claims]").cells}
    other = world.plan(*NARROW, "sweep.target=[claims]", "tasks.moods.select=null")
    assert {cell.train for cell in other.cells} == claims, "it is of one task"


def test_select_of_the_task_that_is_trained_on_holds_too(world: World) -> None:
    borrowed = "tasks.short={kind: classification, labels: [no, yes], text: [text], train_task: moods, files: "
    borrowed += "{test: {sw: moods/sw.jsonl}}}"
    more = (*NARROW, "sweep.target=[short]", borrowed)
    assert trained(world.plan(*more, "tasks.moods.select={every: 5}")).selection.every == 5
    assert trained(world.plan(*more, "tasks.moods.select=null")).selection is None
    both = trained(world.plan(*more, "tasks.moods.select={every: 5, patience: 2}", "tasks.short.select={every: 6}"))
    assert (both.selection.every, both.selection.patience) == (6, 2)


def test_in_a_mixture_a_task_may_take_no_part_in_the_selection(world: World) -> None:
    mixture = ("mixtures={both: {tasks: [claims, moods]}}", "sweep.intermediate=[both]", "sweep.target=[moods]")
    more = (*NARROW[:1], *NARROW[2:], *mixture)

    def learned(*overrides: str) -> Any:
        plan = world.plan(*more, *overrides)
        (found,) = (node.spec for node in of(plan.nodes, TrainSpec) if node.spec.sampling is not None)
        return plan, {one.name: one.selection for one in found.tasks}, found

    plan, selected, inputs = learned(
        "train.select.every=9", "tasks.moods.select=null", "tasks.claims.select={every: 4}"
    )
    assert selected["moods"] is None
    assert selected["claims"].every == 9
    assert inputs.selection == selected["claims"]
    assert "both: tasks.claims.select.every does not count in a mixture; train.select.every does" in plan.notes
    assert learned("tasks.moods.select=null", "tasks.claims.select=null")[2].selection is None


def test_retrieval_has_no_selection(world: World) -> None:
    with pytest.raises(
        RecipeError, match=r"tasks\.tatoeba\.select: is not allowed for tatoeba: retrieval is not trained"
    ):
        load(world.recipe(), ["tasks.tatoeba.select={every: 2}"])


def test_language_adapters_need_a_known_language(world: World) -> None:
    world.write("de.txt", "ein Text")
    files = moods(f"{{train: {TRAIN}, validation: {{de: {DEV}}}, test: {{de: {DEV}}}}}")
    adapters = "languages={module: bottleneck, text: {de: de.txt}, fallback: de}"
    with pytest.raises(RecipeError, match=r"moods: the language of the training data is unknown; set tasks"):
        world.plan(*NARROW, files, adapters, "methods.lora.languages=true")


BY_ROW = 'where: {lang: "{language}"},'


def mixed(world: World) -> None:
    rows = [
        {"text": f"{lang} {label}", "label": label, "lang": lang} for lang in ["en", "sw", "de"] for label in LABELS
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (world.root / "data" / "moods" / "all.jsonl").write_text(text, encoding="utf-8")


LABELS = ("no", "yes")
ALL = "{train: moods/all.jsonl, validation: moods/all.jsonl, test: moods/all.jsonl}"


def test_one_file_of_several_languages_trains_on_one_and_is_tested_in_the_others(world: World) -> None:
    mixed(world)
    plan = world.plan(*NARROW, moods(ALL, f"languages: [sw, de], train_language: en, {BY_ROW}"))
    assert source_language(plan) == "en"
    assert trained(plan).selection.language == "en"
    assert set(plan.nodes[plan.cells[0].score].spec.predictions) == {"sw", "de"}


def test_where_by_language_without_a_language_of_training_is_refused(world: World) -> None:
    mixed(world)
    with pytest.raises(RecipeError) as refused:
        load(world.recipe(), [*NARROW, moods(ALL, f"languages: [sw, de], {BY_ROW}")])
    (problem,) = refused.value.problems
    assert problem.path == "tasks.moods.files.train"
    assert problem.message == (
        "has several languages by `where`, but the language is unknown; write train_language: sw"
    )


def test_a_pattern_adds_no_language_to_those_it_has_files_of(world: World) -> None:
    for split in ("dev", "en"):
        world.write(f"moods/{split}-sw.jsonl", "x")
    files = f"{{train: {TRAIN}, validation: 'moods/dev-{{language}}.jsonl', test: 'moods/en-{{language}}.jsonl'}}"
    recipe = load(world.recipe(), [*NARROW, moods(files, f"languages: [sw], train_language: en, {BY_ROW}")])
    assert recipe.tasks["moods"].languages_of("validation", {"validation": "moods/dev-{language}.jsonl"}) == ("sw",)
