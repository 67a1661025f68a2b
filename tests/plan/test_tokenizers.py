"""A tokenizer in a plan is what it does: the files it came from do not count, unless they change a token."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from layover.data.tokenizer import Tokenizer
from layover.errors import ModelError
from layover.identity import file_sha256
from layover.plan import tokenizers
from layover.specs import EncoderSpec, TokenizerSpec
from layover.steps import tokenize
from layover.store import Memory, Store

if TYPE_CHECKING:
    from tests.plan.conftest import World

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "house", "[ent]", "##s", "a", "b"]
ADDED = {
    "added_tokens.json": {"[ENT]": len(WORDS)},
    "special_tokens_map.json": {"additional_special_tokens": ["[ENT]"]},
    "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False},
}
"""Files beside a vocabulary, each of which changes what a tokenizer of BERT does."""


def bert(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def converted() -> Memory:
    """What was converted so far: each conversion is a process that imports transformers."""
    return Memory()


def form(folder: Path, memory: Memory | None = None) -> str:
    return tokenizers.of_folder(folder, file_sha256, memory or Memory())


def test_equal_tokenizers_in_different_files_share_their_data(world: World, other_world: World) -> None:
    file = other_world.root / "encoder" / "tokenizer.json"
    before = file.read_bytes()
    file.write_text(json.dumps(json.loads(before), indent=7), encoding="utf-8")
    assert file.read_bytes() != before
    (other_world.root / "encoder" / "added_tokens.json").write_text('{"<more>": 7}', encoding="utf-8")
    assert world.plan().nodes.keys() == other_world.plan().nodes.keys(), "of a tokenizer.json nothing else is read"


def test_another_tokenizer_is_in_the_key(world: World) -> None:
    before = world.plan()
    file = world.root / "encoder" / "tokenizer.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    values["normalizer"] = {"type": "Lowercase"}
    file.write_text(json.dumps(values), encoding="utf-8")
    after = world.plan()
    for kind in ("tokenize", "train", "score"):
        keys = [{key for key, node in plan.nodes.items() if node.kind == kind} for plan in (before, after)]
        assert not keys[0] & keys[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ADDED))
def test_files_that_change_token_ids_change_the_form(tmp_path: Path, converted: Memory, name: str) -> None:
    plain, changed = bert(tmp_path / "plain"), bert(tmp_path / "changed")
    (changed / name).write_text(json.dumps(ADDED[name]), encoding="utf-8")
    text = "the [ENT]s House"
    ids = [Tokenizer.load(folder).pieces([text])[text].ids.tolist() for folder in (plain, changed)]
    assert ids[0] != ids[1]
    forms = [form(folder, converted) for folder in (plain, changed)]
    assert forms == [Tokenizer.load(folder).sha256 for folder in (plain, changed)]
    assert forms[0] != forms[1]


def test_what_was_converted_once_is_remembered_by_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[str] = []

    def convert(folder: Path) -> str:
        converted.append(folder.name)
        return f"form {len(converted)}"

    monkeypatch.setattr(tokenizers, "_converted", convert)
    memory, folder = Memory(), bert(tmp_path / "one")
    assert [form(folder, memory), form(folder, memory)] == ["form 1", "form 1"]
    assert form(bert(tmp_path / "two"), memory) == "form 1"
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("read me", encoding="utf-8")
    assert form(folder, memory) == "form 1"
    for number, name in enumerate([*ADDED, "vocab.txt", "config.json", "something.else"], 2):
        (folder / name).write_text(f"[{number}]", encoding="utf-8")
        assert form(folder, memory) == f"form {number}"


@pytest.mark.parametrize(("library", "counts"), [("transformers", True), ("tokenizers", True), ("torch", False)])
def test_what_another_version_of_a_library_made_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, counts: bool
) -> None:
    versions = {"transformers": "5.0.0", "tokenizers": "0.22.0", "torch": "2.0"}
    made = iter(range(9))
    monkeypatch.setattr(tokenizers, "_converted", lambda _: f"form {next(made)}")
    monkeypatch.setattr(tokenizers, "version", lambda name: versions[name])
    memory, folder = Memory(), bert(tmp_path / "one")
    before = form(folder, memory)
    versions[library] = "9"
    assert (form(folder, memory) != before) == counts


@pytest.mark.slow
def test_converting_in_a_plan_imports_no_torch(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from layover.identity import file_sha256
from layover.plan import tokenizers
from layover.specs import EncoderSpec
from layover.steps import tokenize
from layover.store import Memory, Store
tokenizers.of_folder(Path(sys.argv[1]), file_sha256, Memory())
print("torch" in sys.modules, "transformers" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(bert(tmp_path / "bert"))], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["False", "False"]


@pytest.mark.slow
def test_what_cannot_be_converted_is_told_by_its_folder(tmp_path: Path) -> None:
    folder = bert(tmp_path / "bert")
    (folder / "config.json").write_text('{"model_type": "no-such-model"}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"bert: transformers cannot convert its tokenizer"):
        form(folder)


def test_a_folder_without_a_tokenizer_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"no tokenizer in this folder; add tokenizer\.json"):
        form(tmp_path)


def test_a_tokenizer_that_changed_since_the_plan_is_refused(
    tmp_path: Path, tokenizer: Tokenizer, segmented: Tokenizer
) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    planned = TokenizerSpec(serialised=form(tmp_path))
    assert tokenizers.load_planned(str(tmp_path), None, planned).sha256 == tokenizer.sha256
    segmented.save(tmp_path / "tokenizer.json")
    with pytest.raises(ModelError, match="its tokenizer has changed since the plan was made; run again"):
        tokenizers.load_planned(str(tmp_path), None, planned)
    again = TokenizerSpec(serialised=form(tmp_path))
    assert tokenizers.load_planned(str(tmp_path), None, again).sha256 == segmented.sha256
    tokenizer.save(tmp_path / "tokenizer.json")
    assert tokenizers.load_planned(str(tmp_path), None, planned).sha256 == tokenizer.sha256, "not an earlier plan's"


def test_the_form_of_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, tokenizer: Tokenizer, segmented: Tokenizer
) -> None:
    file, memory = tmp_path / "tokenizer.json", Memory()
    tokenizer.save(file)

    def hash_file(path: Path) -> str:
        found = file_sha256(path)
        segmented.save(file)  # right after it was hashed
        return found

    with pytest.raises(ModelError, match="its tokenizer changes while it is read; run again when it is complete"):
        tokenizers.of_folder(tmp_path, hash_file, memory)
    tokenizer.save(file)
    assert form(tmp_path, memory) == tokenizer.sha256


def test_a_run_that_refuses_a_remembered_form_lets_the_next_plan_read_it(tmp_path: Path, tokenizer: Tokenizer) -> None:
    folder, store = tmp_path / "encoder", Store(tmp_path / "store")
    folder.mkdir()
    tokenizer.save(folder / "tokenizer.json")
    with store.remembered() as memory:
        form(folder, memory)
        (key,) = memory._known
        memory.put(key, "another form")
    with store.remembered() as memory:
        planned = TokenizerSpec(serialised=form(folder, memory))
    encoder = EncoderSpec(label="m", source=str(folder), tokenizer=planned)
    with pytest.raises(ModelError, match="its tokenizer has changed since the plan was made; run again"):
        tokenize._tokenizer(encoder, store)
    with store.remembered() as memory:
        assert form(folder, memory) == tokenizer.sha256


@pytest.mark.parametrize("module", ["transformers", "torch"])
def test_nothing_is_imported_from_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    folder, here = bert(tmp_path / "bert"), tmp_path / "here"
    here.mkdir()
    (here / f"{module}.py").write_text("from pathlib import Path\nPath('executed').touch()\n", encoding="utf-8")
    (folder / "config.json").write_text('{"model_type": "no-such-model"}', encoding="utf-8")
    monkeypatch.chdir(here)
    with pytest.raises(ModelError, match="transformers cannot convert its tokenizer") as told:
        form(folder)
    assert not (here / "executed").exists()
    assert "\n" not in str(told.value)
    assert "Traceback" not in str(told.value)


def test_an_error_that_nobody_expects_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tokenizers._PROGRAM.replace(
        "try:", "def broken(*_): raise IndexError('odd')\nTokenizer.load = broken\ntry:"
    )
    monkeypatch.setattr(tokenizers, "_PROGRAM", program)
    with pytest.raises(ModelError, match=r"bert: its tokenizer cannot be read: IndexError\('odd'\)$"):
        form(bert(tmp_path / "bert"))
    monkeypatch.setattr(tokenizers, "_PROGRAM", "raise SystemError('a\\nb')")
    with pytest.raises(ModelError, match=r"transformers cannot convert its tokenizer: b$"):
        form(bert(tmp_path / "other"))


@pytest.mark.parametrize("error", [AttributeError, IndexError])
def test_whatever_transformers_raises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    class Broken:
        @staticmethod
        def from_pretrained(*_: object, **__: object) -> None:
            raise error("no\nvocabulary")

    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(AutoTokenizer=Broken))
    with pytest.raises(ModelError, match=r"bert: transformers cannot convert its tokenizer \(no vocabulary\)"):
        Tokenizer.load(bert(tmp_path / "bert"))
