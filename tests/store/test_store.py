"""The store: atomic, verified, shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from layover.errors import DataError, StoreError
from layover.identity import key_of
from layover.store import FileHashes, Memory, Store
from layover.store.leftovers import sweep_up

IDENTITY = {"node": "score", "version": 1, "x": 1}
KEY = key_of(IDENTITY)


def commit(store: Store, text: str = "hello") -> None:
    with store.writing("score", IDENTITY, ("a" * 64,)) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "file.txt").write_text(text, encoding="utf-8")


def test_a_committed_node_is_there_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert not store.has(KEY)
    commit(store)
    assert store.has(KEY)
    assert store.finished() == {KEY}
    assert (store.path(KEY) / "sub" / "file.txt").read_text(encoding="utf-8") == "hello"
    done = store.done(KEY)
    assert done["identity"] == IDENTITY
    assert done["needs"] == ["a" * 64]
    assert done["files"]["sub/file.txt"]["bytes"] == 5


def test_a_failed_block_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(RuntimeError), store.writing("score", IDENTITY, ()) as folder:  # noqa: PT012
        (folder / "half").write_text("x", encoding="utf-8")
        raise RuntimeError
    assert store.finished() == set()
    assert list((tmp_path / "store" / "work").iterdir()) == []


def test_a_killed_writer_leaves_no_node(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from layover.store import Store
store = Store(Path({str(tmp_path / "store")!r}))
with store.writing("score", {IDENTITY!r}, ()) as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    store = Store(tmp_path / "store")
    assert store.finished() == set()
    assert sweep_up(store, (), lambda: None) > 0
    assert list((tmp_path / "store" / "work").iterdir()) == []


def test_the_first_of_two_writers_wins(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writing("score", IDENTITY, ()) as outer:
        (outer / "file").write_text("outer", encoding="utf-8")
        with store.writing("score", IDENTITY, ()) as inner:
            (inner / "file").write_text("inner", encoding="utf-8")
    assert (store.path(KEY) / "file").read_text(encoding="utf-8") == "inner"


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_damage_is_found_on_read(tmp_path: Path, damage: str) -> None:
    commit(Store(tmp_path / "store"))
    store = Store(tmp_path / "store")
    file = tmp_path / "store" / "nodes" / KEY[:2] / KEY / "sub" / "file.txt"
    if damage == "changed":
        file.write_text("hellO", encoding="utf-8")
    else:
        file.unlink()
    with pytest.raises(StoreError, match=r"file\.txt (does not match its hash|is missing)"):
        store.path(KEY)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(StoreError, match="neither empty nor a store"):
        Store(tmp_path)


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text(json.dumps({"layover_store": 99}), encoding="utf-8")
    with pytest.raises(StoreError, match="schema 1"):
        Store(tmp_path)


def test_a_claim_is_exclusive_and_freed_by_a_kill(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    code = f"""
import sys, time
from pathlib import Path
from layover.store import Store
with Store(Path({str(tmp_path / "store")!r})).claim({KEY!r}) as mine:
    print(mine is not None, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "True"
        with store.claim(KEY) as mine:
            assert mine is None
        other.kill()
    with store.claim(KEY) as mine:
        assert mine is not None


def test_running_sweeps_are_counted(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.sweeps_running() == 0
    with store.locks.run(print):
        code = f"""
from pathlib import Path
from layover.store import Store
print(Store(Path({str(tmp_path / "store")!r})).sweeps_running())
"""
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "1"
    assert store.sweeps_running() == 0


def test_failures_are_kept_until_success(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.failures.add(KEY, {"error": "no"})
    assert store.failures.get(KEY) == {"error": "no"}
    assert store.failures.keys() == {KEY}
    commit(store)
    assert store.failures.get(KEY) is None


def test_file_hashes_are_remembered_and_renewed(tmp_path: Path) -> None:
    memory, file = tmp_path / "hashes.json", tmp_path / "data"
    file.write_text("one", encoding="utf-8")
    hashes = FileHashes(memory)
    first = hashes(file)
    hashes.save()
    assert FileHashes(memory)(file) == first
    file.write_text("two", encoding="utf-8")
    os.utime(file, ns=(time.time_ns() + 10**9,) * 2)
    assert FileHashes(memory)(file) != first
    with pytest.raises(DataError, match="cannot be read"):
        hashes(tmp_path / "absent")


def test_a_memory_outlives_its_object_and_its_damage(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    memory = Memory(file)
    assert memory.get("a") is None
    memory.save()
    assert not file.exists(), "nothing was added"
    memory.put("a", ["N", "V"])
    memory.save()
    assert Memory(file).get("a") == ["N", "V"]
    file.write_text("{", encoding="utf-8")
    assert Memory(file).get("a") is None


def test_removing_frees_and_forgets(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    commit(store)
    assert store.remove(KEY) > 5
    assert not store.has(KEY)
