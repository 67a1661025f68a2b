"""Disks without room, by a limit on the size of files and by a small file system."""

from __future__ import annotations

import errno
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors import SafetensorError
from tests.store.faults import layover

from layover.cli.shared import planned
from layover.engine.worker import run_node
from layover.files.disk import allocate, full, message_of, naming
from layover.inference.hidden_states import HiddenStates
from layover.store import Store, write_json

if TYPE_CHECKING:
    from tests.engine.conftest import Folder

RUST = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size; the kernel answers as it does of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOSPC, "x"), errno.ENOSPC),
        (OSError(errno.EDQUOT, "x"), errno.EDQUOT),
        (OSError(errno.EFBIG, "x"), errno.EFBIG),
        (RUST, errno.ENOSPC),
        (caused(ValueError("x"), OSError(errno.ENOSPC, "x")), errno.ENOSPC),
        (OSError(errno.EACCES, "x"), None),
        (SafetensorError("I/O error: Permission denied (os error 13)"), None),
        (ValueError("No space left"), None),
    ],
)
def test_a_disk_without_room_is_told_from_other_errors(error: Exception, number: int | None) -> None:
    assert full(error) == number


def test_what_is_said_names_the_place_and_what_to_do() -> None:
    error, store = OSError(errno.EDQUOT, "x", "/data/store/work/tmp-1/x"), Path("/data/store")
    assert message_of(error, store) == (
        "/data/store: Disk quota exceeded; free some room within your quota, then run the same command again"
    )
    assert message_of(error, Path("/elsewhere")).startswith("/data/store/work/tmp-1/x: Disk quota exceeded; ")
    assert message_of(RUST, store).startswith("/data/store: No space left on device; free some room on this disk, ")
    assert message_of(OSError(errno.EFBIG, "x")).startswith(
        "File too large; raise the limit on the size of files (ulimit -f)"
    )


def test_json_is_whole_or_as_it_was(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with largest_file(1000), pytest.raises(OSError, match="File too large") as caught:
        write_json(tmp_path / "a.json", {"a": "x" * 5000})
    assert caught.value.filename == str(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "a": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_map_takes_its_room_before_it_is_written(tmp_path: Path) -> None:
    """A map without room kills the process that writes to it."""
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        HiddenStates.create(tmp_path / "states", layer=1, kind="float32", tokens=100, hidden=32)
    states = HiddenStates.create(tmp_path / "states", layer=1, kind="float32", tokens=100, hidden=32)
    file = tmp_path / "states"
    assert file.stat().st_blocks * 512 >= file.stat().st_size == 100 * 32 * 4
    states.array[:] = 1
    states.flush()
    assert np.fromfile(file, np.float32).sum() == 3200
    allocate(tmp_path / "nothing", 0)
    assert (tmp_path / "nothing").stat().st_size == 0


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ValueError, match="as it was"), naming(Path("x")):
        raise ValueError("as it was")


def test_a_node_without_room_fails_in_one_line_and_runs_when_there_is_some(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.root)
    Store(folder.root / "store")
    found = planned(folder.root / "recipe.yaml", [], folder.root / "store")
    node, store = next(iter(found.plan.nodes.values())), found.store
    assert node.kind == "tokenize"
    events: list[dict[str, object]] = []
    with largest_file(600):
        state = run_node(node, store, found.plan.recipe.document.run, lambda event: events.append(dict(event)))
    assert state == "failed"
    mend = "raise the limit on the size of files (ulimit -f), then run the same command again"
    told = f"{store.root}: File too large; {mend}"
    assert (events[-1]["state"], events[-1]["error"]) == ("failed", told)
    assert not list(store.root.glob("work/*")), "nothing half-written"
    failure = store.failures.get(node.key)
    assert failure is not None
    kept = told.replace(str(store.root), store.root.name)
    assert (failure["error"], failure["traceback"]) == (kept, None), "no path of this machine stands in a store"
    assert run_node(node, store, found.plan.recipe.document.run, lambda _: None) == "done"
    assert store.failures.get(node.key) is None


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=88k", "none", str(place)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no permission to mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_a_sweep_on_a_full_disk_goes_on_when_there_is_room(
    small: Path, folder: Folder, finished: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.root)
    store = ("recipe.yaml", "--store", str(small / "store"))
    code, text = layover("run", *store)
    assert code == 1, text
    told = f"{small}/store: No space left on device; free some room on this disk, then run the same command again"
    failed = [line for line in text.splitlines() if line.startswith("layover: failed: ")]
    assert failed
    assert all(told in line for line in failed)
    assert not list(small.glob("store/work/tmp-*"))
    assert 0 < len(list(small.glob("store/nodes/*/*"))) < 30, "other nodes went on"
    code, text = layover("status", *store)
    assert code == 0, "it need not write"
    assert "nodes finished" in text
    assert "\n\n" not in text.strip(), "no line is empty where no cell waits for a choice"
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    code, text = layover("run", *store)
    assert code == 0, text
    records = {path.parent.name: path.read_bytes() for path in small.glob("store/nodes/*/*/record.json")}
    assert records == finished.records()
