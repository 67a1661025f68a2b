"""Modules that lie on the hub: their few files, at a commit, with and without a network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import huggingface_hub
import pytest
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from layover.errors import ModelError, RecipeError
from layover.files import hub as hub_files
from layover.plan import Node, Plan
from layover.plan.hub import Revisions
from layover.plan.origin import downloaded

if TYPE_CHECKING:
    from tests.plan.conftest import Importing

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def imported(plan: Plan) -> Node:
    (node,) = (node for node in plan.nodes.values() if node.kind == "import")
    return node


def cached(hub: Path, files: Mapping[str, Path], *, refs: tuple[str, ...] = ("main",)) -> None:
    """Lay files down as the cache of the hub has them: links to what is named by its content."""
    repository = hub / "models--org--adapter"
    snapshot, blobs = repository / "snapshots" / COMMIT, repository / "blobs"
    blobs.mkdir(parents=True)
    (repository / "refs").mkdir()
    for ref in refs:
        (repository / "refs" / ref).write_text(COMMIT, encoding="utf-8")
    for number, (name, source) in enumerate(files.items()):
        shutil.copyfile(source, blobs / str(number))
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(blobs / str(number))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"


def test_a_module_of_the_hub_is_what_its_files_are(importing: Importing, hub: Path, foreign: Path) -> None:
    lora = foreign / "lora"
    cached(hub, {file.name: file for file in lora.iterdir()})
    by_branch = importing.plan("modules.mine={hub: org/adapter, revision: main}")
    by_commit = importing.plan(f"modules.mine={{hub: org/adapter, revision: {COMMIT}}}")
    assert by_branch.nodes.keys() == by_commit.nodes.keys() == importing.plan().nodes.keys()
    origin = imported(by_branch).spec.origin
    assert (origin.id, origin.commit) == ("org/adapter", COMMIT)
    assert set(origin.names) == {"adapter_config.json", "adapter_model.safetensors"}, "and nothing else is asked for"


def test_without_a_network_it_is_said_what_lacks(importing: Importing, hub: Path, foreign: Path) -> None:
    with pytest.raises(
        RecipeError,
        match=r"neither the store nor the local cache knows the commit of models/org/adapter@main: go online once",
    ):
        importing.plan("modules.mine={hub: org/adapter, revision: main}")
    cached(hub, {"adapter_config.json": foreign / "lora" / "adapter_config.json"})
    with pytest.raises(
        RecipeError,
        match=r"modules\.mine: org/adapter@0123456789ab: the local cache has no .*, and HF_HUB_OFFLINE is set",
    ):
        importing.plan("modules.mine={hub: org/adapter, revision: main}")


def test_what_is_wrong_with_it_is_told_by_the_repository(importing: Importing, hub: Path, foreign: Path) -> None:
    cached(hub, {file.name: file for file in (foreign / "wider").iterdir()})
    with pytest.raises(RecipeError) as caught:
        importing.plan("modules.mine={hub: org/adapter, revision: main}")
    assert "modules.mine: org/adapter@0123456789ab/adapter_model.safetensors: " in str(caught.value)
    assert "/tmp" not in str(caught.value).replace(str(importing.root), "")  # noqa: S108 - nobody knows that folder


class Answers:
    """A hub with some files, that keeps what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, Path], failure: Exception) -> None:
        self.files, self.failure = files, failure
        self.asked: list[str] = []
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # this hub is at hand, whatever runs the tests says
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", self.metadata)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self.download)
        monkeypatch.setattr(hub_files, "answers", lambda: None)
        self.sizes: dict[str, int | None] = {name: file.stat().st_size for name, file in files.items()}
        self.fetched: list[str] = []

    def metadata(self, url: str, *, timeout: float) -> SimpleNamespace:
        before = f"{huggingface_hub.constants.ENDPOINT}/org/adapter/resolve/{COMMIT}/"
        assert url.startswith(before)
        assert timeout <= 10
        name = url.removeprefix(before)
        self.asked.append(name)
        if name not in self.files:
            raise self.failure
        return SimpleNamespace(size=self.sizes[name])

    def download(self, repository: str, name: str, *, revision: str, etag_timeout: float) -> str:
        assert (repository, revision) == ("org/adapter", COMMIT)
        assert etag_timeout <= 10
        self.fetched.append(name)
        return str(self.files[name])


def error(kind: type[HfHubHTTPError], text: str) -> HfHubHTTPError:
    found = kind.__new__(kind)  # what it is made from differs between versions
    Exception.__init__(found, text)
    return found


def test_only_what_can_be_read_is_asked_for(hub: Path, monkeypatch: pytest.MonkeyPatch, foreign: Path) -> None:
    lora = {file.name: file for file in (foreign / "lora").iterdir()}
    answers = Answers(monkeypatch, lora, error(EntryNotFoundError, "404"))
    found = downloaded("org/adapter", COMMIT, Revisions())
    assert set(found.names) == {"adapter_config.json", "adapter_model.safetensors"}
    asked = {Path(name).suffix for name in answers.asked}
    assert asked == {".json", ".safetensors"}, "never a pickle, never a program"
    assert set(answers.fetched) == set(found.names)


@pytest.mark.parametrize("size", [4 * 2**30 + 1, None])
def test_what_is_too_large_is_not_downloaded(
    hub: Path, monkeypatch: pytest.MonkeyPatch, foreign: Path, size: int | None
) -> None:
    lora = {file.name: file for file in (foreign / "lora").iterdir()}
    answers = Answers(monkeypatch, lora, error(EntryNotFoundError, "404"))
    answers.sizes["adapter_model.safetensors"] = size
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors (has 4294967297 bytes|has an unknown size)"):
        downloaded("org/adapter", COMMIT, Revisions())
    assert answers.fetched == ["adapter_config.json"]


def test_a_token_in_an_error_of_the_hub_is_not_repeated(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Answers(monkeypatch, {}, error(HfHubHTTPError, "bad header: Bearer hf_abcdefghijklmnop"))
    with pytest.raises(ModelError) as caught:
        downloaded("org/adapter", COMMIT, Revisions())
    assert "Bearer (token)" in str(caught.value)
    assert "abcdefgh" not in str(caught.value)


def test_a_repository_with_a_pickle_alone_is_told_of(hub: Path, monkeypatch: pytest.MonkeyPatch, foreign: Path) -> None:
    lora = foreign / "lora" / "adapter_config.json"
    Answers(monkeypatch, {"adapter_config.json": lora, "adapter_model.bin": lora}, error(EntryNotFoundError, "404"))
    with pytest.raises(ModelError, match=r"there is no adapter\.safetensors or adapter_model\.safetensors; a pickle"):
        downloaded("org/adapter", COMMIT, Revisions())


def test_what_the_hub_does_not_let_be_read_is_told(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = error(HfHubHTTPError, "no")
    refusal.response = SimpleNamespace(status_code=451, headers={})
    Answers(monkeypatch, {}, refusal)
    with pytest.raises(ModelError, match=r"transfer_card\.json: the hub answers with status 451: no"):
        downloaded("org/adapter", COMMIT, Revisions())


def test_a_hub_that_does_not_answer_is_asked_once(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = LocalEntryNotFoundError("the file is not in the cache")
    failure.__cause__ = ConnectionError("refused")
    answers = Answers(monkeypatch, {}, failure)
    with pytest.raises(ModelError, match=r"the local cache has no .*, and the hub at .* cannot be reached"):
        downloaded("org/adapter", COMMIT, Revisions())
    assert answers.asked == ["transfer_card.json"]


def test_where_nobody_answers_the_clients_are_not_left_to_try(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, signs = Answers(monkeypatch, {}, LocalEntryNotFoundError("no connection")), list[int]()

    def nobody() -> None:
        signs.append(1)
        raise ConnectionError("refused")

    monkeypatch.setattr(hub_files, "answers", nobody)
    monkeypatch.setattr(hub_files, "_REACHED", set())
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ModelError, match=r"the local cache has no .*, and the hub at .* cannot be reached"):
        downloaded("org/adapter", COMMIT, Revisions())
    assert (answers.asked, len(signs)) == ([], 2), "the client would try for 23 s without a word"
