"""Who works on a store: the live are waited for, with a line; the dead are not, on whatever machine they were."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.thorough import count

from layover.errors import StoppedError, StoreError
from layover.stopping import Stop
from layover.store import Store, lease, locks
from layover.store.leftovers import sweep_up
from layover.store.locks import GC, RUN, Locks

KEY = "ab" * 32
HOLD = """
import sys, time
from pathlib import Path
from layover.store.locks import Locks
held = Locks(Path(sys.argv[1]))
with {what}:
    print("held", flush=True)
    time.sleep(600)
"""
WHATS = {
    RUN: "held.run(print)",
    "read": "held.read('report', print)",
    GC: "held.collect(print)",
    KEY: f"held.claim({KEY!r})",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    return tmp_path / "locks"


@contextmanager
def other_process(folder: Path, what: str, *before: str) -> Iterator[subprocess.Popen[str]]:
    """Hold something in another process, until the block ends, by a kill at the latest."""
    command = [*before, sys.executable, "-c", HOLD.format(what=WHATS[what]), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@contextmanager
def refused(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> Iterator[None]:
    """Have the system refuse a call of leases."""

    def refuse(*_: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as there:
        there.setattr(lease.os, name, refuse)
        yield


@contextmanager
def in_the_background(act: Callable[[], object]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    yield thread
    thread.join(timeout=20)
    assert not thread.is_alive()


def as_elsewhere(monkeypatch: pytest.MonkeyPatch, *, boot: str = "another boot", space: str = "pid:[1]") -> None:
    """Have leases look, from now on, as if another machine or container held them, without `flock`."""
    monkeypatch.setattr(lease, "machine", lambda: (boot, space))


def without_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file system without `flock`."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(lease.fcntl, "flock", refuse)


@pytest.mark.parametrize("what", WHATS)
def test_a_killed_holder_is_gone_at_once_and_leaves_nothing(folder: Path, what: str) -> None:
    with other_process(folder, what) as process:
        (held,) = Locks(folder).held()
        assert (held.name, held.holder.pid) == (what, process.pid)
        assert held.holder.verb == {"read": "report", GC: "gc"}.get(what, "run")
        process.kill()
        process.wait()
        assert Locks(folder).held() == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("what", WHATS)
def test_what_is_given_back_leaves_no_file(folder: Path, what: str) -> None:
    held = Locks(folder)
    ways = {RUN: held.run(print), "read": held.read("report", print), GC: held.collect(print), KEY: held.claim(KEY)}
    with ways[what]:
        assert [file.name.partition(".")[0] for file in folder.iterdir()] == [what]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("first", [RUN, "read", GC, KEY])
def test_gc_waits_for_all_and_says_for_whom(folder: Path, first: str) -> None:
    told: list[str] = []
    went: list[bool] = []

    def collect() -> None:
        with Locks(folder).collect(told.append):
            went.append(True)

    with other_process(folder, first) as process, in_the_background(collect):
        assert wait_until(lambda: bool(told))
        assert not went
        assert f"(host {os.uname().nodename}, pid {process.pid}, since " in told[0]
        assert "Ctrl-C stops waiting" in told[0]
        process.kill()
    assert went == [True]
    assert len(told) == 1


@pytest.mark.parametrize("second", ["run", "read"])
def test_gc_is_waited_for(folder: Path, second: str) -> None:
    told: list[str] = []
    held = Locks(folder)
    with (
        other_process(folder, GC) as process,
        in_the_background(
            lambda: enter(held.run(told.append) if second == "run" else held.read("report", told.append))
        ),
    ):
        assert wait_until(lambda: bool(told))
        assert f"`layover gc` (host {os.uname().nodename}, pid {process.pid}" in told[0]
        assert [file.name.partition(".")[0] for file in folder.iterdir()] == [GC], "who waits holds nothing"
        process.kill()


def enter(held: object) -> None:
    with held:  # type: ignore[attr-defined]
        pass


def test_runs_and_readers_are_beside_each_other(folder: Path) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(Locks(folder).run(pytest.fail))
            stack.enter_context(Locks(folder).read("report", pytest.fail))
        assert len(Locks(folder).held(RUN)) == 2
        assert len(Locks(folder).held()) == 4


@pytest.mark.parametrize("request_", [Stop, KeyboardInterrupt])
def test_waiting_is_stopped_by_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch, request_: type[BaseException]
) -> None:
    """`Stop` is what the command line makes of Ctrl-C."""

    def interrupt(_: float) -> None:
        raise request_

    with Locks(folder).run(print):
        monkeypatch.setattr(locks.time, "sleep", interrupt)
        with pytest.raises(StoppedError, match="nothing was changed"), Locks(folder).collect(print):
            pytest.fail("a run is on")
        assert len(list(folder.iterdir())) == 1


def test_a_long_wait_says_so_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(locks, "AGAIN_SECONDS", 0.05)
    with ExitStack() as stack:
        stack.enter_context(Locks(folder).run(print))
        with in_the_background(lambda: Locks(folder).wait((RUN,), told.append)):
            assert wait_until(lambda: len(told) >= 3)
            stack.close()


def test_two_that_come_at_once_do_not_both_have_it(folder: Path) -> None:
    """Each publishes before it looks: so the second one to look sees the first."""
    seen: list[str] = []
    first, second = Locks(folder), Locks(folder)
    real = second.held

    def late(*names: str, own: object = ()) -> list[locks.Held]:
        if own:  # it has published; the other comes between that and its look
            with first.claim(KEY) as mine:
                seen.append("first" if mine is not None else "nobody")
            return real(*names, own=own)  # type: ignore[arg-type]
        return []

    second.held = late  # type: ignore[method-assign]
    with second.claim(KEY) as mine:
        seen.append("second" if mine is not None else "nobody")
    assert seen == ["nobody", "second"]


@pytest.mark.parametrize("elsewhere", [{}, {"boot": lease.machine()[0]}], ids=["machine", "container"])
def test_a_holder_elsewhere_lives_while_its_time_moves(
    folder: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: dict[str, str]
) -> None:
    """Clocks may differ by years: what counts is whether the time of the file moves while one watches."""
    without_flock(monkeypatch)
    with monkeypatch.context() as there:
        as_elsewhere(there, **elsewhere)
        held = lease.Lease(folder, RUN, "run")
    now = [0.0]
    watching = Locks(folder, lease.LeaseWatch(lambda: now[0]))
    for year in (2001, 2051, 1999, 2026, 2012):
        os.utime(held.file, ((year - 1970) * 3.15e7,) * 2)
        assert len(watching.held()) == 1
        now[0] += lease.STALE_SECONDS - 1
        (seen,) = watching.held()
        assert "no sign of life and counts as ended after 90 s" in str(seen)
    now[0] += 1
    assert watching.held() == []
    assert not held.file.exists()
    assert not held.held(), "it knows that it was taken for gone"
    held.release()


@pytest.mark.parametrize("reused", [False, True])
def test_without_flock_the_process_tells(folder: Path, monkeypatch: pytest.MonkeyPatch, reused: bool) -> None:
    without_flock(monkeypatch)
    held = lease.Lease(folder, KEY, "run")
    if reused:  # another process with its PID, since a restart of the container
        holder = json.loads(held.file.read_text(encoding="utf-8"))
        held.file.write_text(json.dumps({**holder, "started": holder["started"] - 100}), encoding="utf-8")
    assert [one.name for one in Locks(folder).held(KEY)] == ([] if reused else [KEY])
    with Locks(folder).claim(KEY) as mine:
        assert (mine is not None) == reused
    held.release()


def test_a_process_that_slept_is_told_and_a_run_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.02)
    with Locks(folder).collect(print) as check:
        check()
        for file in folder.iterdir():
            file.unlink()  # as one does who has seen no life for long
        with pytest.raises(StoreError, match="showed no sign of life for too long"):
            check()
    with Locks(folder).run(print):
        (file,) = folder.iterdir()
        file.unlink()
        assert wait_until(lambda: bool(list(folder.iterdir())))
        assert len(Locks(folder).held(RUN)) == 1
    assert list(folder.iterdir()) == []
    with Locks(folder).claim(KEY) as mine:
        assert mine is not None
        assert mine.held()
        mine.file.unlink()
        assert not mine.held()


def test_a_machine_that_slept_knows_it_before_anyone_tells(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Locks(folder).collect(print) as check:
        check()
        now = lease.clock()
        monkeypatch.setattr(lease, "clock", lambda: now + lease.STALE_SECONDS / 2 + 1)
        with pytest.raises(StoreError, match="showed no sign of life"):
            check()


def test_gc_stops_where_a_run_turns_out_to_live(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WITHDRAWN_SECONDS", 0.1)
    with Locks(folder).collect(print) as check:
        awake = lease.Lease(folder, RUN, "run")
        with pytest.raises(StoreError, match="also works on this store"):
            check()
        awake.release()
        check()


def test_a_lease_that_cannot_be_read_is_alive_for_a_while(folder: Path) -> None:
    file = folder / f"{RUN}.{'0' * 32}"
    file.write_text("{", encoding="utf-8")
    now = [0.0]
    watching = Locks(folder, lease.LeaseWatch(lambda: now[0]))
    assert len(watching.held(RUN)) == 1
    now[0] += lease.STALE_SECONDS
    assert watching.held(RUN) == []


def test_what_earlier_versions_left_goes_and_their_runs_are_waited_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.locks.folder.mkdir()
    files = [store.locks.folder / name for name in (f"{KEY}.lock", "sweep-17.lock", f".{'0' * 32}")]
    for file in files:
        file.touch()
    with files[1].open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert [one.name for one in store.locks.held()] == [RUN]
        assert "of an older version" in str(store.locks.held()[0])
    with store.locks.collect(pytest.fail) as check:
        sweep_up(store, (), check)
        assert [file.name.partition(".")[0] for file in store.locks.folder.iterdir()] == [GC]


def test_a_store_that_cannot_be_written_takes_no_run_and_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(folder)):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, mode)

    monkeypatch.setattr(lease.os, "open", refuse)
    with pytest.raises(StoreError, match=r"cannot be written \(Read-only file system\).*--store"):
        enter(Locks(folder).run(print))
    enter(Locks(folder).read("report", pytest.fail))
    enter(Locks(folder.parent / "absent").read("report", pytest.fail))
    assert not (folder.parent / "absent").exists()


def test_containers_with_equal_pids(folder: Path) -> None:
    """Two PID namespaces on one store: equal numbers are different processes, and a killed one is gone at once."""
    inside = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("a PID namespace takes Linux, and root")
    with other_process(folder, RUN, *inside) as one, other_process(folder, KEY, *inside) as two:
        pids = {held.name: held.holder.pid for held in Locks(folder).held()}
        assert pids[RUN] == pids[KEY], "both are the first process of their container"
        one.kill()
        one.wait()
        assert wait_until(lambda: [held.name for held in Locks(folder).held()] == [KEY])
        with Locks(folder).claim(KEY) as mine:
            assert mine is None
        two.kill()
        two.wait()
        assert wait_until(lambda: Locks(folder).held() == [])
        with Locks(folder).claim(KEY) as mine:
            assert mine is not None


def wait_until(true: Callable[[], bool]) -> bool:
    for _ in range(200):
        if true():
            return True
        time.sleep(0.05)
    return False


RACE = """
import sys, time
from pathlib import Path
from layover.store.locks import Locks
folder, counter, turns = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
held, done = Locks(folder), 0
while done < turns:
    with held.claim("cd" * 32) as mine:
        if mine is not None:
            before = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(before + 1))
            done += 1
"""


def test_of_many_processes_one_at_a_time_has_a_node(folder: Path, tmp_path: Path) -> None:
    """A counter that is read and written without any other care loses no turn."""
    rounds = count(1, 20)
    counter, turns, processes = tmp_path / "counter", 10 * rounds, 3
    counter.write_text("0", encoding="utf-8")
    command = [sys.executable, "-c", RACE, str(folder), str(counter), str(turns)]
    started = [subprocess.Popen(command) for _ in range(processes)]
    assert [process.wait() for process in started] == [0] * processes
    assert counter.read_text(encoding="utf-8") == str(turns * processes)
    assert list(folder.iterdir()) == []


def test_unknown_holders_have_a_name(folder: Path) -> None:
    assert "host unknown" in str(lease.UNKNOWN)
    still = locks.Held(RUN, replace(lease.UNKNOWN, host="tower", pid=7), lease.BEAT_SECONDS * 3)
    assert "(host tower, pid 7, since unknown), which shows no sign of life" in str(still)


def test_gc_works_on_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as there:
        there.setattr(lease.os, "pwrite", full)
        held = lease.Lease(folder, GC, "gc")
    assert held.file.stat().st_size == 0
    assert held.held()
    assert [one.name for one in Locks(folder).held()] == [GC]
    held.release()


@pytest.mark.parametrize("call", ["open", "pread", "fstat"])
def test_a_lease_that_vanishes_during_a_look_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """NFS tells by ESTALE that another machine removed a file which is open here."""
    held = lease.Lease(folder, RUN, "run")
    with refused(monkeypatch, call, errno.ESTALE):
        assert lease.LeaseWatch().look(held.file) == (None, 0.0)
    with refused(monkeypatch, call, errno.EIO):
        assert lease.LeaseWatch().look(held.file)[0] == lease.UNKNOWN, "nobody knows: it counts as alive for a while"
    held.release()


@pytest.mark.parametrize(("number", "locked"), [(errno.ESTALE, False), (errno.EIO, True)])
def test_a_file_of_an_older_run_that_vanishes_is_not_locked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, locked: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    file = folder / "sweep-17.lock"
    file.touch()
    monkeypatch.setattr(lease.fcntl, "flock", refuse)
    assert lease.is_locked(file) == locked


@pytest.mark.parametrize(
    "text",
    ['{"pid": "x"}', '{"pid": true}', '{"started": "0"}', '{"host": 3}', '{"locked": 0}', "[1]", "3", '{"other": 1}'],
)
def test_a_lease_with_other_types_is_one_that_cannot_be_read(folder: Path, text: str) -> None:
    held = lease.Lease(folder, RUN, "run")
    holder = json.loads(held.file.read_text(encoding="utf-8"))
    held.release()
    found = json.loads(text)
    file = folder / f"{RUN}.{'0' * 32}"
    file.write_text(json.dumps({**holder, **found} if isinstance(found, dict) else found), encoding="utf-8")
    assert [one.holder for one in Locks(folder).held(RUN)] == [lease.UNKNOWN]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_giving_back_a_lease_hides_no_outcome(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("the system does not tell which files are open")

    def refuse(*_: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    before = len(list(open_files.iterdir()))
    with monkeypatch.context() as there:
        held = Locks(folder).claim(KEY)
        held.__enter__()
        there.setattr(Path, "unlink", refuse)
        assert not held.__exit__(ValueError, ValueError("outcome"), None)
    assert len(list(open_files.iterdir())) == before
    assert Locks(folder).held() == [], "it does not count any more"


def test_a_lease_whose_time_cannot_be_moved_is_not_doubtful(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk refuses the beats; the file is locked all the same, so that nobody takes its holder for gone."""
    with Locks(folder).claim(KEY) as mine:
        assert mine is not None
        now = lease.clock()
        with monkeypatch.context() as later:
            later.setattr(lease, "clock", lambda: now + lease.STALE_SECONDS)
            assert not mine.held()
            assert not mine.doubtful()
            mine.file.unlink()
            assert mine.doubtful()
    without_flock(monkeypatch)
    with Locks(folder).claim(KEY) as mine:
        assert mine is not None
        assert not mine.doubtful()
        monkeypatch.setattr(lease, "clock", lambda: now + lease.STALE_SECONDS)
        assert mine.doubtful(), "nothing but its time shows that it lives"


@pytest.mark.parametrize("moment", ["removed", "locked"])
def test_a_run_begins_while_gc_tidies(folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Its lease has no name yet when `gc` looks at the file."""
    real, met = fcntl.flock, []

    def flock(handle: int, how: int) -> None:
        if not met:
            met.append(moment)
            if moment == "locked":
                raise BlockingIOError(errno.EAGAIN, "another process looks")
            Locks(folder).tidy()
        real(handle, how)

    monkeypatch.setattr(lease.fcntl, "flock", flock)
    with Locks(folder).run(pytest.fail):
        assert met == [moment]
        assert [file.name.partition(".")[0] for file in folder.iterdir()] == [RUN]
    assert list(folder.iterdir()) == []


def test_a_store_that_lacks_the_folder_is_read_with_a_lease(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.locks.read("report", pytest.fail):
        assert [one.name for one in Locks(store.locks.folder).held()] == ["read"]
    with Locks(tmp_path / "nothing" / "locks").read("report", pytest.fail):
        assert not (tmp_path / "nothing").exists()


def test_a_folder_that_cannot_be_listed_is_read_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Locks(folder)
    with refused(monkeypatch, "scandir", errno.EACCES):
        went = []
        with held.read("report", pytest.fail):
            went.append("read")
        for what in (held.run(pytest.fail), held.collect(pytest.fail), held.claim(KEY)):
            with pytest.raises(StoreError, match="cannot be read; make this folder readable"):
                enter(what)
    assert went == ["read"]
    assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()
    for what in (Locks(tmp_path / "locks").run(pytest.fail), Locks(tmp_path / "locks").claim(KEY)):
        with pytest.raises(StoreError, match=r"locks: this is not a folder.*remove it"):
            enter(what)


def test_what_others_write_now_stays(tmp_path: Path) -> None:
    """`plan` and `status` write files of the store without a lease."""
    store = Store(tmp_path / "store")
    young, old = store.root / ".hashes.json.1", store.root / ".labels.json.2"
    for file in (young, old):
        file.touch()
    os.utime(old, (0, 0))
    with store.locks.collect(pytest.fail) as check:
        sweep_up(store, (), check)
    assert young.exists()
    assert not old.exists()
