"""Imported modules that a plan refuses, and what a reader is told of others."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.plan.conftest import questions

from layover.errors import RecipeError

if TYPE_CHECKING:
    from tests.plan.conftest import Importing

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def edit(file: Path, change: Callable[[Any], object]) -> None:
    values = json.loads(file.read_text(encoding="utf-8"))
    change(values)
    file.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "deeper",
            "has weights for layer 4, but the encoder has 4 layers, numbered 0 to 3: the module was trained on a",
        ),
        ("shallower", "the file is incomplete, or its encoder has fewer layers than"),
        ("wider", "has the shape [4, 160], but [4, 128] is needed: it belongs to an encoder of another size"),
        ("bert", "not a weight of the layers of xlm-roberta"),
    ],
)
def test_a_module_of_another_encoder_is_refused_before_anything_runs(
    importing: Importing, foreign: Path, name: str, expected: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        importing.plan(f"modules.mine.path={foreign / name}")
    (problem,) = caught.value.problems
    assert expected in problem.message
    assert problem.message.endswith("(mini)")
    assert problem.path == "modules.mine"


def test_every_mistake_is_told_at_once(importing: Importing, foreign: Path) -> None:
    more = (
        "modules.other={path: modules}",
        f"modules.wide={{path: {foreign / 'wider'}}}",
        f"data_root={importing.root}",
    )
    with pytest.raises(RecipeError) as caught:
        importing.plan(*more, "sweep.intermediate=[mine, other, wide]", "tasks.sandbox/paraphrase.files={train: gone}")
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert set(found) >= {"modules.other", "modules.wide", "tasks.sandbox/paraphrase"}
    assert "has no module that Layover can read" in found["modules.other"]


def test_every_mistake_of_a_config_is_a_problem(importing: Importing) -> None:
    file = importing.root / "modules" / "lora" / "adapter_config.json"
    edit(file, lambda config: config.update(bias="all", lora_bias=True, modules_to_save=["embeddings"]))
    with pytest.raises(RecipeError) as caught:
        importing.plan()
    found = [problem.message for problem in caught.value.problems]
    for problem, setting in zip(found, ['"lora_bias" is true', "modules_to_save is", 'bias is "all"'], strict=True):
        assert problem.startswith(f"{file}: {setting}")


def test_weights_are_not_looked_at_before_the_config(importing: Importing) -> None:
    """What they are called, and their shapes, are those of another kind of module."""
    folder = importing.root / "modules" / "lora"
    edit(folder / "adapter_config.json", lambda config: config.update(peft_type="VERA"))
    (folder / "adapter_model.safetensors").write_bytes(b"no header")
    with pytest.raises(RecipeError, match=r'peft_type is "VERA", but Layover reads LORA and IA3'):
        importing.plan()


def test_a_pickle_is_refused_by_its_name(importing: Importing) -> None:
    folder = importing.root / "modules" / "lora"
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(RecipeError, match=r"modules\.mine: .* a pickle. Opening a pickle can run any program"):
        importing.plan()


def test_one_of_two_encoders_may_be_left_out(importing: Importing, foreign: Path) -> None:
    two = ("models.base={name: FacebookAI/xlm-roberta-base, revision: main}", "sweep.model=[mini, base]")
    with pytest.raises(RecipeError) as caught:
        importing.plan(*two)
    (problem,) = caught.value.problems
    assert "(base); sweep.exclude: [{model: base, intermediate: mine}] excludes it for this model" in problem.message
    plan = importing.plan(*two, "sweep.exclude=[{model: base, intermediate: mine}]")
    assert {one.model for one in plan.cells if one.intermediate == "mine"} == {"mini"}


def test_an_encoder_of_which_nothing_is_known_cannot_be_compared_with(importing: Importing) -> None:
    with pytest.raises(RecipeError, match=r"modules\.mine: org/unknown: its config\.json is absent or names no"):
        importing.plan(f"models.mini={{name: org/unknown, revision: {COMMIT}}}")


def test_a_reader_is_told_what_is_not_taken_over_and_not_known(importing: Importing, foreign: Path) -> None:
    plain = importing.plan().notes
    assert "mine: its training task is unknown, and so is whether it has seen data of a target; set" in "\n".join(plain)
    assert not [note for note in plain if "head in its file" in note or "do not prove" in note]
    told = importing.plan(f"modules.mine={{path: {foreign / 'headed'}, task: sandbox/nli}}").notes
    (note,) = (note for note in told if note.startswith("mine: the head in its file is not imported"))
    assert "classifier.out_proj.weight" in note
    assert not [note for note in told if "is unknown" in note]
    edit(
        importing.root / "modules" / "lora" / "adapter_config.json",
        lambda config: config.update(base_model_name_or_path="org/other-encoder"),
    )
    (note,) = (note for note in importing.plan().notes if "do not prove" in note)
    assert "it was trained on org/other-encoder; here its encoder is sandbox/mini" in note


def test_what_it_has_seen_of_a_target_is_told_by_the_task(importing: Importing) -> None:
    plan = importing.plan("modules.mine.task=sandbox/paraphrase")
    assert "sandbox/paraphrase after mine: both are trained on sandbox/paraphrase" in plan.notes
    (importing.root / "dev.json").write_text(json.dumps(questions("rain")), encoding="utf-8")
    files = ("tasks.squad.files={train: dev.json, validation: dev.json}", "tasks.xquad.files={test: {en: dev.json}}")
    one = (f"data_root={importing.root}", *files, "sweep.target=[xquad]")
    notes = importing.plan(*one, "modules.mine.task=squad").notes
    assert "xquad after mine: both are trained on squad" in notes
    seen = "xquad after mine: scored texts are also in the validation data of squad, which mine may have seen"
    assert seen in notes
    assert not [note for note in importing.plan(*one, "modules.mine.task=mnli").notes if "after mine" in note]


@pytest.mark.parametrize("what", ["a pipe", "a link", "a hole of a terabyte"])
def test_weights_that_are_no_ordinary_file_are_not_waited_for(
    importing: Importing, foreign: Path, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(foreign / "lora", folder)
    weights = folder / "adapter_model.safetensors"
    weights.unlink()
    if what == "a pipe":
        os.mkfifo(weights)
    elif what == "a link":
        weights.symlink_to("/dev/zero")
    else:
        with weights.open("wb") as stream:
            stream.truncate(2**40)
    with pytest.raises(
        RecipeError, match=r"is not an ordinary file, and is not opened|1099511627776 bytes, but at most"
    ):
        importing.plan(f"modules.mine.path={folder}")
