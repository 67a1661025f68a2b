"""A node is held to its own key and to what was written: whatever else is in its place is not read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from layover.errors import LostNodeError, StoreError
from layover.identity import key_of
from layover.store import Store, read_json, write_json
from layover.store import store as module
from layover.store.files import sealed
from layover.store.leftovers import sweep_up

IDENTITY = {"node": "train", "version": 1, "module": {"alpha": 8.0}}
OTHER = {"node": "train", "version": 1, "module": {"alpha": 16.0}}
KEY, OTHER_KEY = key_of(IDENTITY), key_of(OTHER)
WEIGHTS, COUNTS = "module.safetensors", "sub/training.json"


def commit(store: Store, identity: dict[str, Any] = IDENTITY, text: str = "weights") -> Path:
    with store.writing("train", identity, ("a" * 64,)) as folder:
        (folder / "sub").mkdir()
        (folder / WEIGHTS).write_text(text, encoding="utf-8")
        (folder / COUNTS).write_text('{"parameters": 7}', encoding="utf-8")
    return place_of(store, key_of(identity))


def place_of(store: Store, key: str) -> Path:
    return store.root / "nodes" / key[:2] / key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of two nodes, which this object has read."""
    found = Store(tmp_path / "store")
    commit(found)
    commit(found, OTHER, "others ")
    found.path(KEY)
    found.path(OTHER_KEY)
    return found


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edited(place: Path) -> None:
        done = json.loads((place / "done.json").read_text(encoding="utf-8"))
        change(done)
        (place / "done.json").write_text(json.dumps(done), encoding="utf-8")

    return edited


def resealed(place: Path) -> None:
    done = json.loads((place / "done.json").read_text(encoding="utf-8"))
    del done["digest"]
    done["identity"]["module"]["alpha"] = 16.0
    (place / "done.json").write_text(json.dumps(sealed(done)), encoding="utf-8")


def unsealed(place: Path) -> None:
    """As above, and without a digest, as Layover 0.1 wrote it."""
    done = json.loads((place / "done.json").read_text(encoding="utf-8"))
    del done["digest"]
    done["identity"]["module"]["alpha"] = 16.0
    (place / "done.json").write_text(json.dumps(done), encoding="utf-8")


def into_file(place: Path) -> None:
    shutil.rmtree(place)
    place.write_text("a file", encoding="utf-8")


def into_dead_link(place: Path) -> None:
    shutil.rmtree(place)
    place.symlink_to("nowhere")


def file_into_folder(place: Path) -> None:
    (place / WEIGHTS).unlink()
    (place / WEIGHTS).mkdir()


def file_into_link(place: Path) -> None:
    (place / WEIGHTS).unlink()
    (place / WEIGHTS).symlink_to("nowhere")


def copied(place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(place.parents[1] / OTHER_KEY[:2] / OTHER_KEY, place)


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda place: (place / name).write_text(text, encoding="utf-8") and None


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "alpha": (edit(lambda done: done["identity"]["module"].update(alpha=16.0)), "digest"),
    "seconds": (edit(lambda done: done.update(seconds=9.5)), "digest"),
    "needs": (edit(lambda done: done.update(needs=["b" * 64])), "digest"),
    "kind": (edit(lambda done: done.update(kind="predict")), "digest"),
    "one file less": (edit(lambda done: done["files"].pop(WEIGHTS)), "digest"),
    "a field more": (edit(lambda done: done.update(more=1)), "digest"),
    "digest gone, a field more": (edit(lambda done: (done.pop("digest"), done.update(more=1))), "digest"),
    "digest is a list": (edit(lambda done: done.update(digest=[])), "digest"),
    "not a number": (edit(lambda done: done.update(seconds=float("nan"))), "digest"),
    "resealed": (resealed, "of another node"),
    "unsealed": (unsealed, "of another node"),
    "truncated": (write("done.json", '{"kind": "tr'), "JSON"),
    "another shape": (write("done.json", "[1]"), "is not an object"),
    "another object": (write("done.json", "{}"), "digest"),
    "sealed nonsense": (write("done.json", json.dumps(sealed({"identity": 3}))), "lacks"),
    "no UTF-8": (lambda place: (place / "done.json").write_bytes(b"\xff\xfe") and None, "JSON"),
    "no done.json": (lambda place: (place / "done.json").unlink(), "done.json is missing"),
    "weights gone": (lambda place: (place / WEIGHTS).unlink(), f"{WEIGHTS} is missing"),
    "weights cut": (write(WEIGHTS, "weig"), "another size"),
    "counts changed": (write(COUNTS, '{"parameters": 8}'), f"{COUNTS} does not match its hash"),
    "a file more": (write("mix.safetensors", "x"), "mix.safetensors is not one of its files"),
    "a file is a folder": (file_into_folder, f"{WEIGHTS} is missing"),
    "a file is a link": (file_into_link, "another size"),
    "a file": (into_file, "cannot be read: Not a directory"),
    "a link": (into_dead_link, "cannot be read: No such file"),
    "a copy of another": (copied, "of another node"),
}


@pytest.mark.parametrize("fresh", [True, False], ids=["next process", "same process"])
@pytest.mark.parametrize("name", HARMS)
def test_a_damaged_node_is_not_finished(store: Store, name: str, fresh: bool) -> None:
    harm, reason = HARMS[name]
    harm(place_of(store, KEY))
    store = Store(store.root) if fresh else store
    look = store.look(KEY)
    assert look is not None
    assert look.damage is not None
    assert reason.replace("an object", "a JSON object") in look.damage
    assert not store.has(KEY)
    assert store.finished() == {OTHER_KEY}
    with pytest.raises(LostNodeError, match="is damaged") as lost:
        store.path(KEY)
    assert lost.value.key == KEY
    assert "\n" not in str(lost.value)
    store.path(OTHER_KEY)
    # it is set aside, and computed again in its place
    assert store.set_aside(KEY) == look.damage
    assert store.look(KEY) is None
    assert os.path.lexists(store.damaged.folder / f"{KEY}.1")
    assert read_json(store.damaged.folder / f"{KEY}.1.json") == {"key": KEY, "reason": look.damage}
    assert store.damaged.keys() == {KEY}
    commit(store)
    assert store.finished() == {KEY, OTHER_KEY}
    assert store.damaged.keys() == set()
    assert store.set_aside(KEY) is None
    assert sweep_up(store, (), lambda: None) > 0
    assert list(store.damaged.folder.iterdir()) == []


@pytest.mark.parametrize("name", HARMS)
def test_what_takes_its_place_sets_it_aside(store: Store, name: str) -> None:
    HARMS[name][0](place_of(store, KEY))
    commit(store)
    assert store.has(KEY)
    assert os.path.lexists(store.damaged.folder / f"{KEY}.1")


def test_exchanged_nodes_are_both_damaged(store: Store) -> None:
    one, other = place_of(store, KEY), place_of(store, OTHER_KEY)
    one.rename(one.with_name("aside"))
    other.rename(one)
    one.with_name("aside").rename(other)
    assert store.finished() == set()
    assert {key for key, look in store.survey().items() if look.damage} == {KEY, OTHER_KEY}


@pytest.mark.parametrize("fresh", [True, False], ids=["next process", "same process"])
def test_large_files_are_compared_when_they_are_read_and_then_every_look_knows(store: Store, fresh: bool) -> None:
    file = place_of(store, KEY) / WEIGHTS
    stat = file.stat()
    file.write_text("WEIGHTS", encoding="utf-8")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    store = Store(store.root) if fresh else store
    assert store.has(KEY), "a look reads no large file"
    assert store.read(KEY, COUNTS) == {"parameters": 7}
    with pytest.raises(LostNodeError, match=f"{WEIGHTS} does not match its hash"):
        store.path(KEY)
    for one in (store, Store(store.root)):
        assert not one.has(KEY)
        assert one.damaged.keys() == {KEY}
    file.write_text("weights", encoding="utf-8")
    assert Store(store.root).has(KEY), "it is whole again"
    assert store.damaged.keys() == set()


def test_files_that_systems_leave_in_folders_do_no_harm(store: Store) -> None:
    (place_of(store, KEY) / ".DS_Store").write_text("x", encoding="utf-8")
    (store.root / "nodes" / KEY[:2] / ".DS_Store").write_text("x", encoding="utf-8")
    (store.root / "nodes" / "notes").mkdir()
    (store.root / "nodes" / "notes" / "mine.txt").write_text("x", encoding="utf-8")
    (store.root / "nodes" / "README").write_text("x", encoding="utf-8")
    found = Store(store.root)
    assert found.finished() == {KEY, OTHER_KEY}
    found.path(KEY)


def test_a_link_to_the_same_bytes_is_the_file(store: Store, tmp_path: Path) -> None:
    file = place_of(store, KEY) / WEIGHTS
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    store.path(KEY)
    (tmp_path / "elsewhere").write_text("WEIGHTS", encoding="utf-8")
    with pytest.raises(LostNodeError, match="does not match"):
        store.path(KEY)


def test_a_file_in_the_place_of_a_folder_of_nodes(store: Store) -> None:
    shutil.rmtree(store.root / "nodes" / KEY[:2])
    (store.root / "nodes" / KEY[:2]).write_text("x", encoding="utf-8")
    assert not store.has(KEY)
    commit(store)
    assert store.has(KEY)


def test_a_node_of_layover_0_1_that_hashes_to_its_name_is_whole(store: Store) -> None:
    edit(lambda done: done.pop("digest"))(place_of(store, KEY))
    look = store.look(KEY, thorough=True)
    assert look is not None
    assert (look.damage, look.sealed, look.kind, look.version) == (None, False, "train", 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layover_store": "1"}', '{"layover_store": true}', "{}"])
def test_a_damaged_marker_says_how_to_mend_it(store: Store, text: str) -> None:
    (store.root / "store.json").write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=r'write \{"layover_store": 1\} into that file'):
        Store(store.root)
    write_json(store.root / "store.json", {"layover_store": 1})
    assert Store(store.root).has(KEY)


def test_a_lost_marker_says_how_to_mend_it(store: Store) -> None:
    (store.root / "store.json").unlink()
    with pytest.raises(StoreError, match=r"neither empty nor a store.*lost its store.json, write"):
        Store(store.root)


@pytest.mark.parametrize("harm", ["text", "digit", "folder", "other"])
def test_a_damaged_note_of_a_failure_says_so(store: Store, harm: str) -> None:
    store.failures.add(KEY, {"node": "train x", "error": "no room for 3 GiB", "traceback": None})
    assert store.failures.get(KEY) == {"node": "train x", "error": "no room for 3 GiB", "traceback": None}
    file = store.root / "failed" / f"{KEY}.json"
    text = file.read_text(encoding="utf-8")
    if harm == "folder":
        file.unlink()
        file.mkdir()
    else:
        other = {"text": text[:-20], "digit": text.replace("3 GiB", "8 GiB"), "other": "{}"}[harm]
        file.write_text(other, encoding="utf-8")
    found = store.failures.get(KEY)
    assert found is not None
    assert (found["node"], found["traceback"]) == (KEY[:12], None)
    assert "the note with the reason is damaged" in found["error"]
    commit(store)


def test_a_node_that_is_removed_while_it_is_looked_at_is_not_damaged(store: Store, monkeypatch) -> None:
    real = module.look_at

    def late(place: Path, key: str, there: Any, *, thorough: bool) -> Any:
        shutil.rmtree(place)
        return real(place, key, there, thorough=thorough)

    monkeypatch.setattr(module, "look_at", late)
    assert Store(store.root).look(KEY) is None
    assert Store(store.root).damaged.keys() == set()


def test_a_commit_opens_no_file_in_its_place(tmp_path: Path) -> None:
    """A node appears by one renaming: a writer that ends at its first touch of the place leaves nothing there."""
    code = f"""
import os, sys
from pathlib import Path
from layover.store import Store
store = Store(Path({str(tmp_path / "store")!r}))
inside = str(store.root / "nodes") + os.sep + {KEY[:2]!r} + os.sep

def touched(event, arguments):
    if event in ("open", "os.mkdir", "os.link", "os.symlink", "shutil.copyfile", "shutil.copytree"):
        written = event != "open" or (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if written and any(str(one).startswith(inside) for one in arguments[:2]):
            os._exit(9)

sys.addaudithook(touched)
with store.writing("train", {IDENTITY!r}, ()) as folder:
    (folder / "module.safetensors").write_text("weights")
    (folder / "head.safetensors").write_text("weights")
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    store = Store(tmp_path / "store")
    assert ended.returncode == 0, f"it writes in place; {len(list(store.root.glob('nodes/*/*/*')))} files are there"
    store.path(KEY)


def test_json_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file.json"
    write_json(file, {"old": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(file, {"new": 2})
    assert read_json(file) == {"old": 1}
