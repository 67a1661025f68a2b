"""Verbs that read make nothing: not in a wrong folder, not in a store that is absent or closed to them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.faults import Sweep, layover

from layover.errors import StoreError
from layover.store import Store, marker

NEED = {
    "report": ["report", "RECIPE", "--out", "OUT"],
    "export": ["export", "RECIPE", "--all", "best-per-target", "--to", "OUT"],
    "why": ["why", "ab"],
    "gc": ["gc", "RECIPE"],
    "gc --yes": ["gc", "RECIPE", "--yes"],
    "xtreme-submission": ["xtreme-submission", "RECIPE", "OUT"],
    "sandbox package": ["sandbox", "package", "RECIPE", "OUT", "--model", "mini"],
}
DO_WITHOUT = {"plan": ["plan", "RECIPE"], "status": ["status", "RECIPE"], "why with a recipe": ["why", "KEY", "RECIPE"]}


def filled(words: list[str], sweep: Sweep, folder: Path) -> list[str]:
    """Return arguments with the names of this test in their places."""
    key = next(iter(sweep.plan().plan.nodes)) if "KEY" in words else ""
    places = {"RECIPE": str(sweep.recipe), "OUT": str(folder / "out"), "KEY": key}
    return [places.get(word, word) for word in words]


@pytest.fixture(params=["deep", "empty"])
def nothing(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder that is no store yet."""
    (tmp_path / "there").mkdir()
    return tmp_path / {"deep": "not/there/at/all", "empty": "there"}[request.param]


@pytest.mark.parametrize("verb", NEED)
def test_what_is_of_no_use_without_a_store_says_so(sweep: Sweep, nothing: Path, tmp_path: Path, verb: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, said = layover(*filled(NEED[verb], sweep, tmp_path), "--store", str(nothing))
    assert code == 2
    assert f"there is no store at {nothing}; make one with `layover run`, or use --store" in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", DO_WITHOUT)
def test_what_does_without_makes_none(sweep: Sweep, nothing: Path, tmp_path: Path, verb: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, said = layover(*filled(DO_WITHOUT[verb], sweep, tmp_path), "--store", str(nothing))
    assert code == 0, said
    assert (f"there is no store at {nothing}" in said) == (verb == "status")
    assert sorted(tmp_path.rglob("*")) == before


def test_status_of_no_store_tells_machines_that_nothing_is_finished(sweep: Sweep, tmp_path: Path) -> None:
    code, said = layover("status", str(sweep.recipe), "--json", "--store", str(tmp_path / "absent"))
    assert code == 0
    assert json.loads(said.splitlines()[-1])["cells"] == {"moods": [0, 4], "tags": [0, 1]}


@pytest.mark.parametrize("verb", [*NEED, *DO_WITHOUT])
def test_a_folder_of_something_else_is_left_alone(sweep: Sweep, tmp_path: Path, verb: str) -> None:
    (tmp_path / "thesis.tex").write_text("x", encoding="utf-8")
    words = filled({**NEED, **DO_WITHOUT}[verb], sweep, tmp_path)
    code, said = layover(*words, "--store", str(tmp_path))
    assert code == 2
    assert f"{tmp_path} is neither empty nor a store; name another folder with --store" in said
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("harm", ["file", "closed", "marker", "nodes", "shard"])
def test_a_store_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    root = tmp_path / "store"
    closed = {"closed": root, "nodes": root / "nodes", "shard": root / "nodes" / "ab"}.get(harm)
    if harm == "file":
        root.write_text("x", encoding="utf-8")
    else:
        Store(root)
        (root / "nodes" / "ab").mkdir(parents=True)
    real = marker.os.listdir

    def listed(folder: Path) -> list[str]:
        if folder == closed:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(marker.os, "listdir", listed)
    monkeypatch.setattr(marker.os, "access", lambda *_: harm != "marker")
    why = "Not a directory" if harm == "file" else "Permission denied"
    with pytest.raises(StoreError, match=f"cannot be read: {why}; name another folder with --store"):
        Store(root, create=False).survey()


def test_another_person_s_closed_store(sweep: Sweep, tmp_path: Path) -> None:
    """In a user namespace, root of the test is no one to a folder of an unknown owner."""
    inside = ["unshare", "--user", "--map-root-user"]
    store = tmp_path / "store"
    Store(store)
    try:
        shutil.chown(store, 12345)
    except PermissionError:
        pytest.skip("it takes root to give a folder away")
    store.chmod(0o700)
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("it takes user namespaces")
    command = [*inside, sys.executable, "-m", "layover", "status", str(sweep.recipe), "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"layover: {store}: cannot be read: Permission denied; name another folder with --store\n"
