"""A store travels: no file of it names a folder of the machine on which it was made."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from tests.quick import quick
from tests.store.faults import Sweep, layover

from layover.store import Store
from layover.store.folderless import named, numbered, shortened, strip_folders, without_folders

TEXTS = {
    "/home/ann/data/de.csv:3: no label": "de.csv:3: no label",
    "/home/ann/my data/de corpus.csv:3: no label": "de corpus.csv:3: no label",
    "[Errno 2] No such file or directory: '/home/ann/my data/de.csv'": "[Errno 2] No such file or directory: 'de.csv'",
    '  File "/home/ann/env/lib/python3.11/site-packages/torch/nn.py", line 7, in f': '  File "nn.py", line 7, in f',
    "cannot copy /mnt/a/b to /mnt/c/d.txt (exists)": "cannot copy b to d.txt (exists)",
    "see https://example.org/docs/page, org/name, 3/4": "see https://example.org/docs/page, org/name, 3/4",
    "dir=/srv/ann/models/": "dir=models",
    "data/de.csv:3 and ./other/de.csv": "data/de.csv:3 and ./other/de.csv",
    "../../bob/x:3 and recipes/../../bob/y": "x:3 and y",
    "open '../bob lee/x.csv'": "open 'x.csv'",
    "~/work/x.csv, ~bob/y.csv": "x.csv, y.csv",
    "file:///home/bob/x and file://host/home/bob/y": "x and y",
    "directory:/home/bob/x": "directory:x",
    "at //server/share/bob/x": "at x",
    r"C:\Users\bob\x, \\server\share\bob\y": "x, y",
    r"'D:\bob lee\x.csv' and C:/Users/bob/z": "'x.csv' and z",
    "/home/bob/a,b/secret/x.csv": "x.csv",
    "/home/bob/a:b/a(b)/a=b/x.csv: no label": "x.csv: no label",
    "[/home/bob/x.csv,/home/bob/y.csv]": "[x.csv,y.csv]",
    "git+https://example.org/a/b and http://localhost:80/a/b/c": "git+https://example.org/a/b and http://localhost:80/a/b/c",
    r"a pattern \d+\.\d*, 50%/50%, km/h, /tmp": r"a pattern \d+\.\d*, 50%/50%, km/h, /tmp",
    "a / b, and/or c": "a / b, and/or c",
    "'/a'/b/c'": "'/a'c'",
    "'/a/b'/c/d'": "'b'd'",
    "(/home/ann/my data/x.csv:3) and /one:3": "(x.csv:3) and /one:3",
    "in /one or two/x.csv: no line": "in /one or two/x.csv: no line",
}


@pytest.mark.parametrize("text", TEXTS)
def test_of_a_path_its_last_name_stays(text: str) -> None:
    assert without_folders(text) == TEXTS[text]


def test_the_folders_of_this_process_may_have_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "my own work"
    here.mkdir()
    monkeypatch.chdir(here)
    assert without_folders(f"{here}/de.csv is empty") == "de.csv is empty"
    assert without_folders(None) is None


def test_known_paths_are_found_whatever_is_in_their_names(tmp_path: Path) -> None:
    file = Path("/mnt/ann lee/Geheim Projekt, 2/d/my f.jsonl")
    text = f"{file}: it has changed; {file}:3; {file}.bak is there; {file.parent}/g.jsonl, {file.parent.parent} (old)"
    assert without_folders(text, [file]) == (
        "my f.jsonl: it has changed; my f.jsonl:3; my f.jsonl.bak is there; g.jsonl, Geheim_Projekt__2 (old)"
    )
    assert without_folders("data/a b.csv:3", [Path("data/a b.csv")]) == "data/a b.csv:3", "inside the project"


@pytest.mark.parametrize("one", ["a.", "=/", "/", "~=", "a:", "..", "\\", "@", "a/", "'/", "=~", "a b/", "//@"])
def test_a_long_text_takes_no_time(one: str) -> None:
    with quick(5):
        shortened(one * 50_000)


def test_numbers_in_texts_are_no_numbers_of_files() -> None:
    files = [Path("/home/ann/de.csv")]
    for text in ("\0999\0", "a\0" + "0\0b", "\0-\0", "\0", "0\0" + "0\0/home/ann/de.csv"):
        assert named(numbered([text], files), files) == [text]
    assert named("\0999\0", files) == "\0999\0", "as an older version kept it"


def test_files_are_named_by_number_and_back() -> None:
    files = [Path("/home/ann/de"), Path("/home/ann/de.csv"), Path("data/sw.csv")]
    told = {"first": ["/home/ann/de.csv:3", "/home/ann/de:1", "data/sw.csv:2", 7, None], "other": "/home/bob/x.csv:1"}
    kept = numbered(told, files)
    assert "ann" not in str(kept)
    assert named(kept, files) == {**told, "other": "x.csv:1"}
    moved = [Path("/mnt") / file.name for file in files]
    assert named(kept, moved)["first"] == ["/mnt/de.csv:3", "/mnt/de:1", "/mnt/sw.csv:2", 7, None]


def test_a_log_is_rewritten(tmp_path: Path) -> None:
    log = tmp_path / "log"
    strip_folders(log)
    assert not log.exists()
    log.write_bytes(b"/home/ann/x.py:3: UserWarning \xff\n")
    strip_folders(log)
    assert log.read_text(encoding="utf-8") == "x.py:3: UserWarning �\n"


def test_a_log_on_a_full_disk_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, text = tmp_path / "log", "/home/ann/x.py:3: ValueError\n"
    log.write_text(text, encoding="utf-8")

    def half(self: Path, *_: object, **_more: object) -> None:
        self.open("w").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    strip_folders(log)
    assert log.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [log]


@pytest.mark.parametrize("line", ["/a", "a/ ", "/ ", "'/a", "/a:", "(/a ", "(/a(", "'/a/b'/c"])
def test_a_long_line_takes_no_longer_than_many_short_ones(line: str) -> None:
    with quick(5):  # quadratic time takes minutes
        without_folders(line * 20_000)
        without_folders("'" + line.replace("'", "") * 20_000)


def naming(store: Path, folder: Path) -> list[str]:
    """Return the files of a store that name a folder, in their names or contents."""
    files = [path for path in store.rglob("*") if path.is_file()]
    return [
        str(file.relative_to(store))
        for file in files
        if str(folder).encode() in file.read_bytes() or str(folder) in str(file.relative_to(store))
    ]


@pytest.mark.parametrize("state", ["whole", "stopped"])
def test_no_file_of_a_sweep_names_its_folders(sweep: Sweep, state: str) -> None:
    sweep.put(state)
    assert naming(sweep.store, sweep.root) == []
    assert naming(sweep.store, Path.home()) == []


def test_no_failure_names_them_and_it_is_told(sweep: Sweep) -> None:
    sweep.put("whole")
    shutil.rmtree(sweep.store)
    file = sweep.root / "one" / "model.safetensors"
    weights = file.read_bytes()
    file.write_bytes(weights[: len(weights) // 2])
    try:
        code, said = sweep.run()
    finally:
        file.write_bytes(weights)
    assert code == 1, said
    assert str(file.parent) in said, "the person at the terminal is told where it is"
    notes = [note.read_text(encoding="utf-8") for note in sweep.store.glob("failed/*.json")]
    assert any("model.safetensors" in note for note in notes)
    assert naming(sweep.store, sweep.root) == []


def test_a_moved_store_is_a_store(sweep: Sweep, clean: dict[str, str], tmp_path: Path) -> None:
    sweep.put("whole")
    shutil.move(sweep.store, tmp_path / "moved")
    code, said = layover("run", str(sweep.recipe), "--store", str(tmp_path / "moved"))
    assert code == 0, said
    assert "0 of " in said
    assert Store(tmp_path / "moved").finished()
