"""Packages of version 0.1 hold pickles for adapters: they are read as before; no pickle is opened, copied or sent."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.hub.watching import Runs, watched

from layover.hub.pull import pull
from layover.hub.verify import verify
from layover.packages.package import open_package

Cli = Callable[..., tuple[int, str, str]]
NAMES = ("adapterhub/pytorch_adapter.bin", "adapterhub/pytorch_model_head.bin")
CONTENTS = ("nothing", "anything", "pickle", "archive")
TEXT = "Anna lives in Berlin ."


def content_of(kind: str, marker: Path) -> bytes:
    """Return what a pickle holds: two of the kinds run a program in whoever opens them."""
    if kind == "pickle":
        return pickle.dumps(Runs(marker))
    if kind == "archive":
        stream = io.BytesIO()
        torch.save({"a": Runs(marker)}, stream)
        return stream.getvalue()
    return b"" if kind == "nothing" else b"anything at all"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture(params=CONTENTS)
def old(request: pytest.FixtureRequest, packages: Any, marker: Path) -> Iterator[Path]:
    """A package with pickles of every content, none of which is opened, or run."""
    pickles = packages.add_pickles(packages.bn_nli, content_of(request.param, marker))
    with watched(*pickles) as opened:
        yield packages[packages.bn_nli]
    assert opened == []
    assert not marker.exists()


def test_verify_calls_each_ignored(old: Path, cli: Cli) -> None:
    code, out, err = cli("verify", old)
    assert (code, err) == (0, "")
    (line,) = (line for line in out.splitlines() if line[6:].startswith("pickles"))
    assert line.startswith("ok")
    assert all(f"{name} ignored" in line for name in NAMES)
    assert "never opened; adapters opens these files unless it loads with use_safetensors=True: remove them" in line
    assert "SHA-256 of 6 files equals the card's" in out
    answer = json.loads(cli("verify", old, "--json")[1])
    assert answer["packages"][0]["ok"]


def test_pull_leaves_them_behind(old: Path, cli: Cli, tmp_path: Path) -> None:
    to = tmp_path / "to"
    code, out, _ = cli("pull", old, "--to", to)
    assert code == 0
    assert f"left out: {', '.join(NAMES)}" in out
    assert files(to / old.name) == files(old) - {*NAMES}
    verdict = verify(to / old.name)
    assert not verdict.failed
    (said,) = (result.message for result in verdict.results if result.name == "pickles")
    assert said == f"{NAMES[0]} ignored, {NAMES[1]} ignored: never opened, and not in the folder"
    (again,) = pull(str(to / old.name), tmp_path / "again")
    assert files(again.folder) == files(old) - {*NAMES}
    assert again.left == ()


def test_pull_from_an_archive_and_from_the_hub(packages: Any, hub: Any, tmp_path: Path, marker: Path) -> None:
    packages.add_pickles(packages.bn_nli, content_of("archive", marker))
    folder = packages[packages.bn_nli]
    archive = shutil.make_archive(str(tmp_path / "one"), "zip", folder.parent, folder.name)
    (unpacked,) = pull(archive, tmp_path / "unpacked")
    (fetched,) = pull(f"me/one@{hub.put('me/one', folder)}", tmp_path / "fetched")
    for one in (unpacked, fetched):
        assert files(one.folder) == files(folder) - {*NAMES}
        assert one.left == NAMES
    assert {name for name in hub.fetched if name.endswith(".bin")} == set()
    assert not marker.exists()


def test_push_sends_none_and_removes_those_that_are_there(packages: Any, hub: Any, cli: Cli) -> None:
    packages.add_pickles(packages.bn_nli)
    folder = packages[packages.bn_nli]
    hub.put("me/one", folder)
    assert NAMES[0] in hub.files("me/one")
    code, out, _ = cli("push", folder, "me/one", "--dry-run")
    assert code == 0
    assert ".bin" not in out
    assert cli("push", folder, "me/one")[0] == 0
    assert set(hub.files("me/one")) == files(folder) - {*NAMES}


def test_predictions_are_those_of_the_package_without_them(packages: Any, cli: Cli, marker: Path) -> None:
    """The package above another one, both of version 0.1."""
    expected = cli("predict", TEXT, "--package", packages[packages.bn])
    pickles = [
        *packages.add_pickles(packages.bn, content_of("archive", marker)),
        *packages.add_pickles(packages.bn_nli, content_of("pickle", marker)),
    ]
    with watched(*pickles) as opened:
        code, out, _ = cli("predict", TEXT, "--package", packages[packages.bn])
        assert not verify(packages[packages.bn]).failed
        open_package(packages[packages.bn]).attachments()
    assert expected[0] == code == 0
    assert out == expected[1]
    assert opened == []
    assert not marker.exists()


RECIPE = """\
schema: 1
name: other
models: {mini: {name: sandbox/mini}}
modules: {theirs: {path: PATH}}
methods: {stack: {module: bottleneck, compose: stack, lr: 1e-3, reduction: 8}}
train: {batch: 4, epochs: 1, max_length: 16, stride: 4, select: null}
tasks: {sandbox/paraphrase: {limit: {train: 4, validation: 4, test: 4}}}
sweep: {model: [mini], method: [stack], intermediate: [theirs], target: [sandbox/paraphrase], seed: [1]}
eval: {languages: [en]}
"""


@pytest.mark.parametrize("place", ["", "adapterhub"])
def test_a_recipe_imports_it(packages: Any, cli: Cli, tmp_path: Path, marker: Path, place: str) -> None:
    pickles = packages.add_pickles(packages.bn_nli, content_of("pickle", marker))
    recipe = tmp_path / "recipe.yaml"
    path = packages[packages.bn_nli] / place
    recipe.write_text(RECIPE.replace("PATH", json.dumps(str(path))), encoding="utf-8")
    with watched(*pickles) as opened:
        code, out, err = cli("plan", recipe, "--store", tmp_path / "store")
    assert (code, err) == (0, "")
    assert any(line.split()[:2] == ["import", "1"] for line in out.splitlines())
    assert opened == []
    assert not marker.exists()
