"""What a plan remembers of data and encoders is true of the files as they are, and bad files are told by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layover.data.tokenizer import Tokenizer, stand_in
from layover.errors import ModelError, RecipeError
from layover.identity import file_sha256
from layover.plan import build
from layover.plan.encoders import resolve
from layover.plan.hub import Revisions
from layover.plan.surveys import Surveys, _is_here
from layover.recipe import load
from layover.recipe.schema import ModelSource
from layover.specs import EncoderSpec
from layover.store import FileHashes, Memory

if TYPE_CHECKING:
    from tests.plan.conftest import World

MOODS = ("sweep.intermediate=[none]", "sweep.method=[lora]", "sweep.seed=[1]")
NOT = "not the config of an encoder: "


def resolved(folder: Path) -> EncoderSpec:
    return resolve("tiny", ModelSource(name=str(folder)), FileHashes(), Revisions(), Memory())


def test_counts_of_a_file_that_changes_while_it_is_read_are_not_remembered(world: World) -> None:
    file = world.root / "data/moods/train.jsonl"
    whole = file.read_text(encoding="utf-8")

    def hash_file(path: Path) -> str:
        found = file_sha256(path)
        if path.name == file.name and path.parent.name == "moods":
            file.write_text(whole.splitlines()[0] + "\n", encoding="utf-8")  # right after it was hashed
        return found

    recipe, memory = load(world.recipe(), MOODS), Memory()
    with pytest.raises(RecipeError, match=r"tasks\.moods: train en cannot be read: .* changes while it is read"):
        build(recipe, hash_file, memory=memory)
    file.write_text(whole, encoding="utf-8")
    plan = build(recipe, file_sha256, memory=memory)
    (inputs,) = (node.spec for node in plan.nodes.values() if node.label == "tokenize moods train en")
    assert inputs.count == 2


def test_what_a_stand_in_measures_is_not_remembered_of_the_tokenizer(world: World, tokenizer: Tokenizer) -> None:
    plan = world.plan(*MOODS)
    inputs = next(node.spec for node in plan.nodes.values() if node.label == "tokenize moods train en")
    file = world.root / "encoder" / "tokenizer.json"
    file.write_text("{}", encoding="utf-8")  # after the encoder was looked at
    memory = Memory()
    asked = inputs.task, inputs.location, inputs.encoder, 32, 8
    measured = Surveys(FileHashes(), memory).tokens(*asked)
    examples = list(inputs.task.read(inputs.location))
    assert measured == sum(len(stand_in().pieces([one.first])[one.first].ids) + 2 for one in examples) / 2
    tokenizer.save(file)
    assert Surveys(FileHashes(), memory).tokens(*asked) == inputs.tokens_each != measured


@pytest.mark.parametrize(("model_type", "here"), [("xlm-roberta", True), ("camembert", False)])
def test_only_the_pieces_of_xlmr_need_no_conversion(tmp_path: Path, model_type: str, here: bool) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    (tmp_path / "sentencepiece.bpe.model").write_bytes(b"pieces")
    assert _is_here(EncoderSpec(label="m", source=str(tmp_path), model_type=model_type)) == here


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "is not a JSON object; it is not the config of an encoder"),
        ({"num_hidden_layers": "2"}, NOT + "num_hidden_layers is '2', but must be a positive whole number"),
        ({"hidden_size": None}, NOT + "hidden_size is None"),
        ({"vocab_size": True}, NOT + "vocab_size is True"),
        ({"intermediate_size": 0}, NOT + "intermediate_size is 0"),
        ({"intermediate_size": 1.5}, NOT + r"intermediate_size is 1\.5"),
    ],
)
def test_a_config_of_something_else_is_told(world: World, config: Any, message: str) -> None:
    file = world.root / "encoder" / "config.json"
    known = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(known | config if isinstance(config, dict) else config), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"config\.json: {message}"):
        resolved(world.root / "encoder")


def test_a_size_that_a_config_lacks_is_told(world: World) -> None:
    file = world.root / "encoder" / "config.json"
    file.write_text('{"hidden_size": 4}', encoding="utf-8")
    with pytest.raises(ModelError, match="num_hidden_layers is missing"):
        resolved(world.root / "encoder")
