"""Models of the hub: config, weights and tokenizer of one commit, byte for byte, or an error."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layover_sandbox.encoders import folder_of

if TYPE_CHECKING:
    from tests.files.conftest import Hub, User

MODEL = "org/encoder"
LOAD = """
from layover.encoder import DropoutClock, Encoder
encoder = Encoder.load(sys.argv[1], sys.argv[2], clock=DropoutClock(0))
print(json.dumps(float(encoder.model.state_dict()["encoder.layer.0.output.dense.bias"].sum())))
"""
FILE = """
from layover.files.hub import commit_of, file_at
print(json.dumps(str(file_at(sys.argv[1], commit_of(sys.argv[1], sys.argv[2]), sys.argv[3]))))
"""
TOKENS = """
from layover.plan import tokenizers
tokenizer = tokenizers.load(sys.argv[1], sys.argv[2])
print(json.dumps(tokenizer.pieces(["the House [ENT]"])["the House [ENT]"].ids.tolist()))
"""
IDENTITY = """
from layover.plan.encoders import resolve
from layover.plan.hub import Revisions
from layover.recipe.schema import ModelSource
from layover.store import FileHashes, Memory
revisions = Revisions()
found = resolve("m", ModelSource(name=sys.argv[1], revision=sys.argv[2]), FileHashes(), revisions, Memory())
unresolved = [one.name for one in revisions.unresolved]
print(json.dumps([found.revision, found.canonical(), found.tokenizer.canonical(), unresolved, revisions.messages()]))
"""
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "house", "a"]


def mini() -> dict[str, bytes]:
    folder = folder_of("sandbox/mini")
    assert folder is not None
    return {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors", "tokenizer.json")}


SIZES = {
    "model_type": "bert",
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "intermediate_size": 16,
    "vocab_size": 9,
}


def bert(**more: object) -> dict[str, bytes]:
    files = {"config.json": json.dumps(SIZES).encode(), "vocab.txt": "\n".join(WORDS).encode()}
    return files | {name.replace("__", "."): json.dumps(value).encode() for name, value in more.items()}


@pytest.fixture
def commit(hub: Hub) -> str:
    """A commit with an encoder of the sandbox."""
    return hub.push("model", MODEL, mini())


def blob(user: User, commit: str, name: str) -> Path:
    return (user.home / "hub" / "models--org--encoder" / "snapshots" / commit / name).resolve()


def flip(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(body)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_flipped_bit_in_the_cache_is_refused(hub: Hub, user: User, commit: str, name: str) -> None:
    assert user.ask(FILE, MODEL, commit, name).endswith(name)
    flip(blob(user, commit, name))
    told = user.ask(FILE, MODEL, commit, name, offline=True)
    assert f"{name}: its bytes in the local cache differ from the hub's commit; remove" in told["error"]
    assert str(blob(user, commit, name)) in told["error"]


@pytest.mark.slow
def test_an_encoder_is_read_from_checked_files(hub: Hub, user: User, commit: str) -> None:
    assert isinstance(user.ask(LOAD, MODEL, "main"), float)
    resolved = {found[1] for one in hub.requests if (found := re.search(r"resolve/([0-9a-z]+)/", one))}
    assert resolved == {commit}, "all of a branch comes from one commit"
    flip(blob(user, commit, "model.safetensors"))
    assert "model.safetensors: its bytes in the local cache" in user.ask(LOAD, MODEL, commit, offline=True)["error"]


def test_a_flipped_bit_of_a_tokenizer_is_refused(hub: Hub, user: User, commit: str) -> None:
    assert user.ask(TOKENS, MODEL, commit)
    flip(blob(user, commit, "tokenizer.json"))
    assert "tokenizer.json: its bytes in the local cache" in user.ask(TOKENS, MODEL, commit, offline=True)["error"]


def test_a_plan_reads_the_sizes_of_a_checked_config(hub: Hub, user: User, commit: str) -> None:
    user.ask(FILE, MODEL, commit, "config.json")
    flip(blob(user, commit, "config.json"))
    assert "config.json: its bytes in the local cache" in user.ask(IDENTITY, MODEL, commit, offline=True)["error"]


def test_a_bit_that_is_flipped_on_the_way_is_refused(hub: Hub, user: User, commit: str) -> None:
    hub.fail(r"GET .*model\.safetensors", flip=True)
    told = user.ask(FILE, MODEL, commit, "model.safetensors")
    assert "model.safetensors: its bytes in the local cache" in told["error"]


def test_a_cache_without_links_is_said_not_to_be_checked(hub: Hub, user: User, commit: str) -> None:
    assert user.ask(IDENTITY, MODEL, commit)[4] == []
    assert user.ask(FILE, MODEL, commit, "config.json").endswith("config.json")
    assert user.ask(IDENTITY, MODEL, commit)[4] == []
    place = user.home / "hub" / "models--org--encoder" / "snapshots" / commit / "config.json"
    body = place.read_bytes()
    place.unlink()
    place.write_bytes(body)
    (note,) = user.ask(IDENTITY, MODEL, commit)[4]
    assert "org/encoder: the local cache of the hub has copies instead of links" in note


@pytest.mark.slow
def test_one_error_of_the_server_takes_no_other_file(hub: Hub, user: User) -> None:
    """A checkpoint with both files: where the one that counts cannot be had, the other is not read in its place."""
    files = mini()
    shards = {"model.safetensors.index.json": json.dumps({"weight_map": {"x": "other.safetensors"}}).encode()}
    commit = hub.push("model", MODEL, {**files, **shards, "other.safetensors": files["model.safetensors"]})
    hub.fail(r"HEAD .*/model\.safetensors$")
    program = """
from layover.encoder.files import weight_files
print(json.dumps([file.name for file in weight_files(sys.argv[1], sys.argv[2])]))
"""
    told = user.ask(program, MODEL, commit)
    assert "model.safetensors" in told["error"]


def test_a_tokenizer_that_cannot_be_had_is_not_read_from_other_files(hub: Hub, user: User) -> None:
    commit = hub.push("model", MODEL, {**mini(), **bert()})
    program = "from huggingface_hub import hf_hub_download\n"
    program += "print(json.dumps([hf_hub_download(sys.argv[1], name, revision=sys.argv[2]) for name in sys.argv[3:]]))"
    user.ask(program, MODEL, commit, "vocab.txt", "config.json")
    told = user.ask(TOKENS, MODEL, commit, offline=True)
    assert "tokenizer.json is not in the local cache: HF_HUB_OFFLINE is set" in told["error"]


def test_the_identity_of_a_hub_model_is_its_commit(hub: Hub, user: User, commit: str) -> None:
    expected = {"hub": MODEL, "commit": commit}
    assert user.ask(IDENTITY, MODEL, "main")[:4] == [commit, expected, expected, []]
    assert user.ask(IDENTITY, MODEL, commit, offline=True)[1:3] == [expected, expected]


@pytest.mark.slow
def test_a_converted_tokenizer_is_known_by_what_it_does(hub: Hub, user: User) -> None:
    plain = hub.push("model", MODEL, bert())
    added = hub.push("model", MODEL, bert(added_tokens__json={"[ENT]": len(WORDS)}))
    assert user.ask(TOKENS, MODEL, added)[-1] == len(WORDS)
    assert user.ask(TOKENS, MODEL, plain)[-1] == WORDS.index("[UNK]")
    one, other = (user.ask(IDENTITY, MODEL, commit)[2] for commit in (plain, added))
    assert one["commit"] == plain
    assert one["serialised"] != other["serialised"]
    assert user.ask(IDENTITY, MODEL, added, offline=True)[2] == other, "the cache knows which files there are not"


def test_a_branch_that_the_hub_does_not_tell_is_noted(hub: Hub, user: User, commit: str) -> None:
    assert user.ask(IDENTITY, MODEL, "main")[0] == commit
    program = "from huggingface_hub import hf_hub_download\n"
    program += "print(json.dumps(hf_hub_download(sys.argv[1], 'config.json')))"
    user.ask(program, MODEL)  # which remembers what main is
    hub.push("model", MODEL, {**mini(), "more.txt": b"more"})
    hub.fail("/api/models", status=500)
    revision, _, _, unresolved, notes = user.ask(IDENTITY, MODEL, "main")
    assert (revision, unresolved) == (commit, [])
    assert notes[0].startswith("the hub has an error of its own (status 500)")
    assert notes[0].endswith(f"the last known commits are used: models/{MODEL}@main is {commit}")


@pytest.mark.slow
def test_a_hub_that_refuses_connections_leaves_no_traceback(hub: Hub, user: User, commit: str) -> None:
    hub.close()
    revision, _, _, unresolved, _ = user.ask(IDENTITY, MODEL, "main")
    assert revision == "main"
    assert unresolved == [f"models/{MODEL}@main"]
    assert "cannot be reached" in user.ask(TOKENS, MODEL, "main")["error"]


def test_a_plan_measures_with_a_tokenizer_that_is_here_and_checked(hub: Hub, user: User, commit: str) -> None:
    program = """
from layover.specs import EncoderSpec
from layover.plan.surveys import _is_here
print(json.dumps(_is_here(EncoderSpec(label="m", source=sys.argv[1], revision=sys.argv[2]))))
"""
    user.ask(FILE, MODEL, commit, "config.json")
    assert user.ask(program, MODEL, commit) is False
    user.ask(FILE, MODEL, commit, "tokenizer.json")
    asked = hub.requests[:]
    assert user.ask(program, MODEL, commit)
    assert hub.requests == asked
    assert user.ask(program, MODEL, "main") is False
