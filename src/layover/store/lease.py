"""A lease: a file that says which process holds something of the store, for as long as that process lives.

The file is complete before it has its name, and its name is unique, so that whoever removes it removes this one and no
other. Whether its holder lives is told by the first of these that can tell:

- the holder keeps the file locked (`flock`), which ends with the process, in whatever container it runs;
- on the same machine, an unlocked file, or in the same PID namespace the absence of the process, tells that it is gone;
- from another machine, the file's time moves every `BEAT_SECONDS`. A watcher that sees no move for `STALE_SECONDS` of
  its own clock takes the holder for gone, whatever the clocks of both machines show.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Self

import psutil

BEAT_SECONDS = 10.0
STALE_SECONDS = 90.0
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})
"""The errors of file systems without `flock`."""
GONE = frozenset({errno.ENOENT, errno.ESTALE})
"""The errors of a file that is no more: ESTALE where another machine removed it."""


@dataclass(frozen=True)
class Holder:
    """The process behind a lease, as it describes itself."""

    verb: str
    host: str
    pid: int
    since: str
    """Of its host's clock, UTC."""
    boot: str
    """Of its machine: another one after a restart."""
    namespace: str
    """Its PID namespace: elsewhere its PID is another process."""
    started: float
    """Seconds; tells it from a later process with the same PID."""
    locked: bool
    """Whether its file system has `flock`."""

    def __str__(self) -> str:
        return f"`layover {self.verb}` (host {self.host}, pid {self.pid}, since {self.since})"

    @classmethod
    def this(cls, verb: str, *, locked: bool) -> Self:
        """Return what this process is."""
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        boot, namespace = machine()
        started = psutil.Process().create_time()
        return cls(verb, socket.gethostname(), os.getpid(), since, boot, namespace, started, locked)


TYPES = {name: type(value) for name, value in asdict(Holder("", "", 0, "", "", "", 0.0, locked=False)).items()}
"""Of the values of a lease."""
UNKNOWN = Holder("?", "unknown", 0, "unknown", "", "", 0.0, locked=False)
"""Behind a lease that cannot be read: another user's, or cut short by a full disk."""
OLDER = replace(UNKNOWN, verb="run", since="unknown; of an older version")


@cache
def machine() -> tuple[str, str]:
    """Return what tells this start of this machine from others, and the PID namespace."""
    boot, namespace = f"{socket.gethostname()} {psutil.boot_time():.0f}", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or boot
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  it leads nowhere
    return boot, namespace


def clock() -> float:
    """Return seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


class Lease:
    """A lease of this process, kept alive by a thread.

    Args:
        folder: Where its file goes.
        name: Of what is held; the file is called `NAME.` and 32 hexadecimal digits.
        verb: What the process does, for those who wait.
        renews: Whether the lease is taken again when another process took this one for gone.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, folder: Path, name: str, verb: str, *, renews: bool = False) -> None:
        self._folder, self._name, self._verb, self._renews = folder, name, verb, renews
        self._ended = threading.Event()
        self._file, self._handle = self._publish()
        self._beaten = clock()
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"lease {name[:12]}")
        self._thread.start()

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self._file

    def held(self) -> bool:
        """Tell whether no one can have taken this process for gone."""
        return clock() - self._beaten < STALE_SECONDS / 2 and _is_linked(self._handle)

    def doubtful(self) -> bool:
        """Tell whether another process may have this one taken for gone, even where its time could not be moved.

        A locked file does not look like that of a process that is gone, and who takes it for one removes it.
        """
        return not self.held() and not (self._locked and _is_linked(self._handle))

    def release(self) -> None:
        """Give it back; a file that cannot be removed looks like that of a process that is gone."""
        self._ended.set()
        self._thread.join()
        try:
            with suppress(OSError):
                self._file.unlink()
        finally:
            with suppress(OSError):
                os.close(self._handle)

    def _publish(self) -> tuple[Path, int]:
        number = uuid.uuid4().hex
        hidden, file = self._folder / f".{number}", self._folder / f"{self._name}.{number}"
        handle = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            self._locked = _locks(handle, fcntl.LOCK_EX)
            holder = Holder.this(self._verb, locked=self._locked)
            _describe(handle, holder)
            hidden.rename(file)
        except BaseException:
            hidden.unlink(missing_ok=True)
            os.close(handle)
            raise
        return file, handle

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(OSError):
                if _is_linked(self._handle):
                    os.utime(self._handle)
                    self._beaten = clock()
                elif self._renews:
                    lost = self._handle
                    self._file, self._handle = self._publish()
                    self._beaten = clock()
                    os.close(lost)


def _describe(handle: int, holder: Holder) -> None:
    """Write who holds a lease; on a full disk it stays empty, for `gc` must be able to make room."""
    try:
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        os.ftruncate(handle, 0)


def _locks(handle: int, how: int) -> bool:
    """Lock a file without waiting; return False where its file system has no locks.

    Raises:
        BlockingIOError: another process has locked it.
    """
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _is_linked(handle: int) -> bool:
    """Tell whether an open file still has a name."""
    try:
        return os.fstat(handle).st_nlink > 0
    except OSError:  # removed by another machine
        return False


class LeaseWatch:
    """What a process has seen of the leases of others.

    Args:
        clock: Seconds of this process.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        """File -> its time when it moved last, and when that was on the clock of this process."""

    def look(self, file: Path) -> tuple[Holder | None, float]:
        """Return the holder of a lease, None when it is gone; and the seconds for which it has shown no life.

        The seconds are 0 where this machine knows that it lives.
        """
        try:
            handle = os.open(file, os.O_RDONLY)
        except OSError as error:
            gone = error.errno in GONE
            return (None, 0.0) if gone else self._by_time(file, UNKNOWN, _time_of(file))
        try:
            holder, moved = _read(handle), os.fstat(handle).st_mtime_ns
            if not _is_free(handle):
                return holder, 0.0
        except OSError as error:
            gone = error.errno in GONE
            return (None, 0.0) if gone else self._by_time(file, UNKNOWN, _time_of(file))
        finally:
            os.close(handle)
        boot, namespace = machine()
        if holder.boot == boot and holder.locked:
            return None, 0.0
        if (holder.boot, holder.namespace) == (boot, namespace):
            return (holder, 0.0) if _runs(holder) else (None, 0.0)
        return self._by_time(file, holder, moved)

    def _by_time(self, file: Path, holder: Holder, moved: int | None) -> tuple[Holder | None, float]:
        if moved is None:
            return None, 0.0
        before, since = self._seen.get(file.name, (None, 0.0))
        if before != moved:
            self._seen[file.name] = (moved, since := self._clock())
        still = self._clock() - since
        return (holder if still < STALE_SECONDS else None), still


def _is_free(handle: int) -> bool:
    """Tell whether no process keeps an open file locked, or none can be seen to."""
    try:
        if _locks(handle, fcntl.LOCK_SH):
            fcntl.flock(handle, fcntl.LOCK_UN)
    except BlockingIOError:
        return False
    return True


def is_locked(file: Path) -> bool:
    """Tell whether a process keeps a file locked; True, too, when it cannot be looked at."""
    try:
        handle = os.open(file, os.O_RDONLY)
    except OSError as error:
        return error.errno not in GONE
    try:
        return not _is_free(handle)
    except OSError as error:
        return error.errno not in GONE
    finally:
        os.close(handle)


def _time_of(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _read(handle: int) -> Holder:
    try:
        found = json.loads(os.pread(handle, 10_000, 0))
        if {name: type(value) for name, value in found.items()} == TYPES:
            return Holder(**found)
    except (ValueError, AttributeError, RecursionError):
        pass
    return UNKNOWN


def _runs(holder: Holder) -> bool:
    try:
        return abs(psutil.Process(holder.pid).create_time() - holder.started) < 1.0
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
