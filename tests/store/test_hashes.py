"""Remembered hashes: another file of the same size and time is another file, and a damaged memory is none."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from layover.errors import DataError
from layover.identity import file_sha256
from layover.store import FileHashes, Memory
from layover.store import hashes as module
from layover.store import state as clocks

LONG_AGO = 10**18
"""Nanoseconds; what archives that are made to be reproducible give every file."""


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "hashes.json"


def written(path: Path, text: str) -> Path:
    """Write a file whose time of modification tells nothing."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


def remembered(memory: Path, file: Path) -> str:
    """Return what a process says that reads the memory and leaves it for the next one."""
    hashes = FileHashes(memory)
    found = hashes(file)
    hashes.save()
    return found


def replaced(file: Path) -> None:
    written(file.with_name("new"), "gold 2").replace(file)


def overwritten(file: Path) -> None:
    with file.open("r+", encoding="utf-8") as stream:
        stream.write("gold 2")
    os.utime(file, ns=(LONG_AGO, LONG_AGO))


@pytest.mark.parametrize("change", [replaced, overwritten])
@pytest.mark.parametrize("again", [False, True], ids=["same process", "next process"])
def test_a_file_of_equal_size_and_time_is_read_again(tmp_path: Path, memory: Path, change, again) -> None:
    file = written(tmp_path / "gold", "gold 1")
    hashes = FileHashes(memory)
    before = hashes(file)
    hashes.save()
    change(file)
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (6, LONG_AGO)
    found = FileHashes(memory)(file) if again else hashes(file)
    assert found != before
    assert found == file_sha256(file)


def test_a_file_that_was_moved_into_place_with_the_old_one_s_times(tmp_path: Path, memory: Path, monkeypatch) -> None:
    """The inode tells them apart where even the time of the change is equal."""
    file, other = written(tmp_path / "gold", "gold 1"), written(tmp_path / "other", "gold 2")
    real = module.state_of
    monkeypatch.setattr(module, "state_of", lambda path: real(path)._replace(changed=LONG_AGO + 1))
    before = remembered(memory, file)
    other.replace(file)
    assert remembered(memory, file) != before


def test_a_change_within_the_clock_s_tick_is_seen(tmp_path: Path, memory: Path) -> None:
    file = tmp_path / "gold"
    for number in range(20):
        written(file, f"gold {number:2}")
        remembered(memory, file)
        written(file, f"GOLD {number:2}")
        assert remembered(memory, file) == file_sha256(file)


def test_a_change_within_a_coarse_tick_is_seen(tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this file system may tick too finely to be caught: here it ticks every 80 ms."""
    tick, state, clock = 80_000_000, module.state_of, clocks.clock_of
    monkeypatch.setattr(
        module, "state_of", lambda path: state(path)._replace(changed=state(path).changed // tick * tick + 1)
    )
    monkeypatch.setattr(clocks, "clock_of", lambda folder: (clock(folder) or 0) * 10**9 // tick * tick / 10**9)
    file = tmp_path / "gold"
    for number in range(4):
        written(file, f"gold {number}")
        remembered(memory, file)
        written(file, f"GOLD {number}")
        assert remembered(memory, file) == file_sha256(file)


def test_a_clock_of_this_machine_that_is_fast_deceives_no_one(tmp_path: Path, memory: Path, monkeypatch) -> None:
    monkeypatch.setattr(clocks.time, "time", lambda: 4e9)  # as if the file had been there for decades
    test_a_change_within_the_clock_s_tick_is_seen(tmp_path, memory)


def test_where_whole_seconds_are_counted_the_next_process_reads_again(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, counted = module.state_of, []

    def coarse(path: Path) -> clocks.FileState:
        return real(path)._replace(changed=real(path).changed // 10**9 * 10**9)

    def counting(path: Path) -> str:
        counted.append(path)
        return file_sha256(path)

    monkeypatch.setattr(module, "state_of", coarse)
    monkeypatch.setattr(module, "file_sha256", counting)
    file = written(tmp_path / "gold", "gold 1")
    waited: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    monkeypatch.setattr(module, "unsettled_seconds", lambda *_: 0.0)
    hashes = FileHashes(memory)
    assert hashes(file) == hashes(file)
    hashes.save()
    assert len(counted) == 1, "one process reads it once"
    FileHashes(memory)(file)
    assert len(counted) == 2


def test_a_tick_of_two_seconds_is_waited_for(tmp_path: Path) -> None:
    now = clocks.clock_of(tmp_path)
    assert now is not None
    second = 10**9
    fine = clocks.FileState(1, 0, int((now - 0.5) * second) // second * second + 1, 1)
    assert clocks.unsettled_seconds(fine._replace(changed=int(now * second) - second // 2 | 1), tmp_path) == 0
    whole = fine._replace(changed=int(now) * second)
    assert 1 < clocks.unsettled_seconds(whole, tmp_path) <= clocks.COARSE_SECONDS
    assert clocks.unsettled_seconds(whole._replace(changed=(int(now) - 10) * second), tmp_path) == 0
    assert clocks.unsettled_seconds(whole._replace(changed=(int(now) + 3600) * second), tmp_path) == 0


def test_a_folder_that_cannot_be_written_to_has_the_longest_tick(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(clocks, "clock_of", lambda _: None)
    state = clocks.state_of(written(tmp_path / "gold", "gold 1"))
    assert clocks.FINE_SECONDS < clocks.unsettled_seconds(state, tmp_path) <= clocks.COARSE_SECONDS


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, memory: Path, monkeypatch) -> None:
    file = written(tmp_path / "gold", "gold 1")

    def writing(path: Path) -> str:
        with path.open("a", encoding="utf-8") as stream:
            stream.write("more")
        return file_sha256(path)

    monkeypatch.setattr(module, "file_sha256", writing)
    with pytest.raises(DataError, match="changes while it is read"):
        FileHashes(memory)(file)


def test_an_exchanged_archive_is_read_again(tmp_path: Path, memory: Path) -> None:
    archive = tmp_path / "data.zip"

    def pack(text: str) -> None:
        with zipfile.ZipFile(tmp_path / "new.zip", "w") as stream:
            stream.writestr(zipfile.ZipInfo("gold.txt"), text)
        os.utime(tmp_path / "new.zip", ns=(LONG_AGO, LONG_AGO))
        (tmp_path / "new.zip").replace(archive)

    pack("gold 1")
    before, size = remembered(memory, archive / "gold.txt"), archive.stat().st_size
    pack("gold 2")
    assert archive.stat().st_size == size
    assert remembered(memory, archive / "gold.txt") != before


def changed_digit(known: dict[str, dict[str, object]]) -> None:
    for one in known.values():
        value = one["value"]
        assert isinstance(value, str)
        one["value"] = value[:-1] + ("0" if value[-1] != "0" else "1")


def exchanged(known: dict[str, dict[str, object]]) -> None:
    (one, first), (other, second) = known.items()
    first["value"], second["value"] = second["value"], first["value"]
    known[one], known[other] = first, second


def exchanged_whole(known: dict[str, dict[str, object]]) -> None:
    one, other = known
    known[one], known[other] = known[other], known[one]


def of_an_older_version(known: dict[str, object]) -> None:
    for name in known:
        known[name] = [6, LONG_AGO, "0" * 64]


def not_a_number(known: dict[str, dict[str, object]]) -> None:
    for one in known.values():
        one["value"] = [float("nan")]


HARMS = [changed_digit, exchanged, exchanged_whole, of_an_older_version, not_a_number]


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_memory_heals_itself(tmp_path: Path, memory: Path, harm) -> None:
    files = [written(tmp_path / "one", "gold 1"), written(tmp_path / "other", "gold 2")]
    hashes = FileHashes(memory)
    right = [hashes(file) for file in files]
    hashes.save()
    known = json.loads(memory.read_text(encoding="utf-8"))
    harm(known)
    memory.write_text(json.dumps(known), encoding="utf-8")
    assert [remembered(memory, file) for file in files] == right
    assert json.loads(memory.read_text(encoding="utf-8")).keys() == known.keys()


def test_a_hash_that_proved_wrong_is_forgotten(tmp_path: Path, memory: Path) -> None:
    file = written(tmp_path / "gold", "gold 1")
    hashes = FileHashes(memory)
    right = hashes(file)
    (name,) = hashes.names()
    hashes.put(name, "0" * 64)
    hashes.save()
    wrong = FileHashes(memory)
    assert wrong(file) == "0" * 64
    wrong.forget([file])
    wrong.save()
    assert wrong(file) == FileHashes(memory)(file) == right


def test_no_path_is_written_and_those_of_earlier_versions_go(tmp_path: Path, memory: Path) -> None:
    older = Memory(memory)
    older.put(str(tmp_path / "gold"), [6, LONG_AGO, LONG_AGO, 1, "0" * 64])
    older.save()
    assert str(tmp_path) in memory.read_text(encoding="utf-8")
    remembered(memory, written(tmp_path / "gold", "gold 1"))
    assert str(tmp_path) not in memory.read_text(encoding="utf-8")
    assert len(FileHashes(memory).names()) == 1


def test_of_many_hashes_those_of_files_that_are_asked_for_stay(tmp_path: Path, memory: Path, monkeypatch) -> None:
    file = tmp_path / "gold"
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(5):
        remembered(memory, written(file, f"gold {number}"))
        assert len(FileHashes(memory).names()) <= 3
    monkeypatch.setattr(module, "file_sha256", lambda _: "0" * 64)
    assert FileHashes(memory)(file) != "0" * 64


def test_remembered_labels_are_not_exchanged(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    memory = Memory(file)
    memory.put("a", ["N", "V"])
    memory.put("b", ["X"])
    memory.save()
    known = json.loads(file.read_text(encoding="utf-8"))
    known["a"], known["b"] = known["b"], known["a"]
    known["c"] = ["N"]
    file.write_text(json.dumps(known), encoding="utf-8")
    assert [Memory(file).get(name) for name in "abc"] == [None, None, None]
