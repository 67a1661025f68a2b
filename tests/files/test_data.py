"""Rows of the hub are those of the commit that was asked for, whatever the hub and the cache do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.files.conftest import Hub, User

SET = "org/My-Set"
READ = """
from layover.data.hub import read_hub
from layover.data.task import HubSource
path, config, revision = sys.argv[1:]
source = HubSource(path=path, config=config or None, split="train", revision=revision)
print(json.dumps([row.values["text"] for row in read_hub(source, None, ())]))
"""

CACHED = """
from layover.data.hub_copies import is_cached
from layover.data.task import HubSource
path, config, revision = sys.argv[1:]
print(json.dumps(is_cached(HubSource(path=path, config=config or None, split="train", revision=revision))))
"""


def lines(text: str) -> bytes:
    return "".join(json.dumps({"text": f"{text} {number}"}) + "\n" for number in range(2)).encode()


def rows(text: str) -> list[str]:
    return [f"{text} 0", f"{text} 1"]


def card(*configs: str, default: str | None = None) -> bytes:
    known = [
        {"config_name": name, "data_files": [{"split": "train", "path": f"{name}.jsonl"}], "default": name == default}
        for name in configs
    ]
    return f"---\n{json.dumps({'configs': known})}\n---\n".encode()


def push(hub: Hub, text: str, branch: str = "main") -> str:
    """Push a commit with two configurations and return it."""
    files = {"README.md": card("en", "sw"), "en.jsonl": lines(f"{text} en"), "sw.jsonl": lines(f"{text} sw")}
    return hub.push("dataset", SET, files, branch)


@pytest.fixture
def moved(hub: Hub, user: User) -> tuple[str, str]:
    """Two commits of a data set, the first of them in the user's cache in English."""
    first = push(hub, "old")
    assert user.ask(READ, SET, "en", first) == rows("old en")
    return first, push(hub, "new")


def test_offline_with_another_commit_in_the_cache(hub: Hub, user: User, moved: tuple[str, str]) -> None:
    first, second = moved
    told = user.ask(READ, SET, "en", second, offline=True)
    assert "cannot be downloaded from the hub" in told["error"]
    assert f"the local cache has no copy of this commit (only {first[:12]})" in told["error"]
    assert user.ask(READ, SET, "en", first, offline=True) == rows("old en")
    told = user.ask(READ, SET, "sw", first, offline=True)
    assert "cannot be downloaded from the hub" in told["error"], "of this commit there is English alone"


@pytest.mark.parametrize("what", ["revision/", "tree/", r"resolve/.*README", r"resolve/.*\.yaml"])
def test_one_error_of_the_server_after_a_branch_has_moved(
    hub: Hub, user: User, moved: tuple[str, str], what: str
) -> None:
    hub.fail(what, times=1)
    assert user.ask(READ, SET, "en", moved[1]) == rows("new en")
    assert user.ask(READ, SET, "en", moved[0]) == rows("old en"), "and not the newest of the cache"


def test_a_server_that_goes_on_failing(hub: Hub, user: User, moved: tuple[str, str]) -> None:
    hub.fail("tree/")
    told = user.ask(READ, SET, "en", moved[1])
    assert "cannot be downloaded from the hub: the hub has an error of its own (status 500)" in told["error"]
    assert f"has no copy of this commit (only {moved[0][:12]})" in told["error"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_hub_that_cannot_be_reached(hub: Hub, user: User, moved: tuple[str, str], how: str) -> None:
    if how == "refused":
        hub.close()
    else:
        hub.fail(".", seconds=3.0)
    told = user.ask(READ, SET, "en", moved[1], HF_HUB_ETAG_TIMEOUT="1", HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert "error" in told
    assert user.ask(READ, SET, "en", moved[0]) == rows("old en")


def test_a_warm_cache_is_read_by_commit_without_a_question(hub: Hub, user: User, moved: tuple[str, str]) -> None:
    first, second = moved
    assert user.ask(READ, SET, "en", second) == rows("new en")
    asked = len(hub.requests)
    assert user.ask(READ, SET, "en", first) == rows("old en"), "the other one is newer in the cache"
    assert user.ask(READ, SET, "en", second) == rows("new en")
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("configs", "default", "named"),
    [((), None, ""), (("one",), None, ""), (("one", "two"), "two", ""), (("default", "other"), None, "")],
)
def test_without_a_configuration_it_is_the_default_one(
    hub: Hub, user: User, configs: tuple[str, ...], default: str | None, named: str
) -> None:
    files: dict[str, bytes] = {f"{name}.jsonl": lines(name) for name in configs} or {"train.jsonl": lines("alone")}
    if configs:
        files["README.md"] = card(*configs, default=default)
    commit = hub.push("dataset", SET, files)
    wanted = rows(default or (configs[0] if configs else "alone"))
    assert user.ask(READ, SET, named, commit) == wanted
    assert user.ask(READ, SET, named, commit, offline=True) == wanted


def test_the_default_configuration_is_not_the_one_that_happens_to_be_cached(hub: Hub, user: User) -> None:
    files = {"README.md": card("one", "two", default="two"), "one.jsonl": lines("one"), "two.jsonl": lines("two")}
    commit = hub.push("dataset", SET, files)
    assert user.ask(READ, SET, "one", commit) == rows("one")
    told = user.ask(READ, SET, "", commit, offline=True)
    assert "cannot be downloaded from the hub" in told["error"]
    hub.fail("tree/", times=1)
    assert user.ask(READ, SET, "", commit) == rows("two")


def test_without_a_default_nothing_is_guessed(hub: Hub, user: User, moved: tuple[str, str]) -> None:
    assert "Config name is missing" in user.ask(READ, SET, "", moved[0])["error"]


def test_a_bit_that_is_flipped_on_the_way_is_refused(hub: Hub, user: User) -> None:
    commit = push(hub, "new")
    hub.fail(r"GET .*en\.jsonl", flip=True)
    assert "en.jsonl: its bytes in the local cache differ" in user.ask(READ, SET, "en", commit)["error"]
    hub.mend()
    assert "en.jsonl: its bytes in the local cache differ" in user.ask(READ, SET, "en", commit)["error"]
    for file in (user.home / "hub" / "datasets--org--My-Set" / "snapshots").rglob("en.jsonl"):
        file.resolve().unlink()
    assert user.ask(READ, SET, "en", commit) == rows("new en"), "nothing of it was kept"


def test_a_branch_is_no_commit(hub: Hub, user: User, moved: tuple[str, str]) -> None:
    told = user.ask(READ, SET, "en", "main")
    assert "the commit of 'main' is unknown" in told["error"]


def test_a_folder_of_the_same_name_is_not_read(hub: Hub, user: User) -> None:
    commit = push(hub, "new")
    folder = user.home / SET
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_bytes(lines("mine"))
    told: Any = user.ask(READ, SET, "en", commit)
    assert f"the local folder {Path(folder).resolve()} has the name of this data set" in told["error"]


def test_a_copy_that_does_not_say_its_commit_is_not_read(hub: Hub, user: User) -> None:
    commit = hub.push("dataset", SET, {"train.jsonl": lines("new")})
    program = """
import datasets
builder = datasets.load_dataset_builder(sys.argv[1], revision=sys.argv[2])
builder._use_legacy_cache_dir_if_possible = None
from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES as modules
print(json.dumps([builder.cache_dir, modules["json"][1]]))
"""
    place, code = user.ask(program, SET, commit)
    old = Path(place).parents[2] / "org--My-Set" / "0.0.0" / code  # as datasets 2.13 has it
    old.mkdir(parents=True)
    assert user.ask(READ, SET, "", commit) == rows("new")
    assert list(old.iterdir()) == []


def test_a_plan_reads_only_copies_of_this_commit(hub: Hub, user: User, moved: tuple[str, str], tmp_path: Path) -> None:
    first, second = moved
    asked = hub.requests[:]
    assert user.ask(CACHED, SET, "en", first)
    for name, config, revision in [
        (SET, "en", second),
        (SET, "sw", first),
        ("org/other", "en", first),
        (SET, "en", "main"),
    ]:
        assert user.ask(CACHED, name, config, revision) is False
    assert hub.requests == asked
    (tmp_path / "caches").mkdir()
    (tmp_path / "caches" / "huggingface").symlink_to(user.home)
    unset = "import os\nos.environ.pop('HF_HOME')\n"
    assert user.ask(unset + CACHED, SET, "en", first, XDG_CACHE_HOME=str(tmp_path / "caches"))
    assert user.ask(CACHED, SET, "en", first, HF_HOME="~/home", HOME=str(tmp_path))
    assert user.ask(CACHED, SET, "en", first, HF_DATASETS_CACHE=str(tmp_path / "caches")) is False
    (copy,) = (user.home / "datasets").glob(f"layover-splits/train/*/en/*/{first}/dataset_info.json")
    copy.unlink()
    assert user.ask(CACHED, SET, "en", first) is False, "an unfinished folder"


def test_a_plan_reads_the_default_configuration_by_its_name(hub: Hub, user: User) -> None:
    files = {"README.md": card("one", "two", default="two"), "one.jsonl": lines("one"), "two.jsonl": lines("two")}
    commit = hub.push("dataset", SET, files)
    assert user.ask(READ, SET, "one", commit) == rows("one")
    assert user.ask(CACHED, SET, "", commit) is False, "it would have to be downloaded"
    assert user.ask(READ, SET, "", commit) == rows("two")
    assert user.ask(CACHED, SET, "", commit)
