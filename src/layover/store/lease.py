"""A lease: a file that names the process which uses a part of the store, as long as that process lives.

The file is complete before it gets its name, and its name is unique, so that a process that removes it cannot remove
another lease. The first of these signs that is available shows whether the holder lives:

- The holder keeps the file locked (`flock`). The lock ends with the process, in any container.
- On the same machine, an unlocked file means that the process has ended; in the same PID namespace, so does the absence
  of the process.
- On another machine, the file's time changes every `BEAT_SECONDS`. A watcher that sees no change for `STALE_SECONDS` of
  its own clock treats the holder as dead. The clocks of the two machines may differ.
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
SINCE = "%Y-%m-%d %H:%M:%S UTC"
"""Format of the time when a lease began."""
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})
"""The errors of file systems without `flock`."""
GONE = frozenset({errno.ENOENT, errno.ESTALE})
"""The errors of a removed file; ESTALE if another machine removed it."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lease, described by itself."""

    verb: str
    host: str
    pid: int
    since: str
    """Start time by the clock of its host, UTC."""
    boot: str
    """Boot id of its machine, which changes at a restart."""
    namespace: str
    """Its PID namespace; in another namespace its PID is another process."""
    started: float
    """Start time in seconds, which differs from a later process with the same PID."""
    locked: bool
    """Whether its file system has `flock`."""

    def __str__(self) -> str:
        return f"`layover {self.verb}` (host {self.host}, pid {self.pid}, since {self.since})"

    def began(self) -> datetime:
        """Return its start by the clock of its host; now, if it does not say when."""
        try:
            return datetime.strptime(self.since, SINCE).replace(tzinfo=UTC)
        except ValueError:
            return datetime.now(UTC)

    @classmethod
    def this(cls, verb: str, *, locked: bool) -> Self:
        """Return the description of this process."""
        since = datetime.now(UTC).strftime(SINCE)
        boot, namespace = machine()
        started = psutil.Process().create_time()
        return cls(verb, socket.gethostname(), os.getpid(), since, boot, namespace, started, locked)


TYPES = {name: type(value) for name, value in asdict(Holder("", "", 0, "", "", "", 0.0, locked=False)).items()}
"""Field of a lease -> type of its value."""
UNKNOWN = Holder("?", "unknown", 0, "unknown", "", "", 0.0, locked=False)
"""The holder of a lease that cannot be read: of another user, or cut by a full disk."""
OLDER = replace(UNKNOWN, verb="run", since="unknown; of an older version")


@cache
def machine() -> tuple[str, str]:
    """Return the boot id of this machine, and the PID namespace of this process."""
    boot, namespace = f"{socket.gethostname()} {psutil.boot_time():.0f}", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or boot
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  its target does not exist
    return boot, namespace


def clock() -> float:
    """Return the seconds of a clock that also runs while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


class Lease:
    """A lease of this process, kept alive by a thread.

    Args:
        folder: The folder of its file.
        name: The name of the lease; the file name is `NAME.` and 32 hexadecimal digits.
        verb: The command of the process, for messages of waiting processes.
        renews: Whether a new lease replaces this one after another process treated the holder as dead.

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
        """The path of its file."""
        return self._file

    def held(self) -> bool:
        """Return whether it is certain that no process treats this one as dead."""
        return clock() - self._beaten < STALE_SECONDS / 2 and _is_linked(self._handle)

    def doubtful(self) -> bool:
        """Return whether another process may treat this one as dead.

        A process that treats another as dead removes its file. A locked file that still exists is no reason for doubt,
        even if its time could not be updated.
        """
        return not self.held() and not (self._locked and _is_linked(self._handle))

    def release(self) -> None:
        """End the lease; a file that cannot be removed looks like the lease of a dead process."""
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
    """Write the holder of a lease; on a full disk it stays empty, because `gc` must be able to free space."""
    try:
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        os.ftruncate(handle, 0)


def _locks(handle: int, how: int) -> bool:
    """Lock a file without waiting; return False if its file system has no locks.

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
    """Return whether an open file still has a name."""
    try:
        return os.fstat(handle).st_nlink > 0
    except OSError:  # removed by another machine
        return False


class LeaseWatch:
    """The observations of a process about the leases of other processes.

    Args:
        clock: Returns the seconds of this process.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        """File -> its last modification time, and the time of this process's clock when it first saw it."""

    def look(self, file: Path) -> tuple[Holder | None, float]:
        """Return the holder of a lease (None if dead), and the seconds since its last sign of life.

        The seconds are 0 if this machine is certain that the holder lives.
        """
        try:
            handle = os.open(file, os.O_RDONLY)
        except OSError as error:
            removed = error.errno in GONE
            return (None, 0.0) if removed else self._by_time(file, UNKNOWN, _time_of(file))
        try:
            holder, moved = _read(handle), os.fstat(handle).st_mtime_ns
            if not _is_free(handle):
                return holder, 0.0
        except OSError as error:
            removed = error.errno in GONE
            return (None, 0.0) if removed else self._by_time(file, UNKNOWN, _time_of(file))
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
    """Return whether no process keeps an open file locked, or the file system has no locks."""
    try:
        if _locks(handle, fcntl.LOCK_SH):
            fcntl.flock(handle, fcntl.LOCK_UN)
    except BlockingIOError:
        return False
    return True


def is_locked(file: Path) -> bool:
    """Return whether a process keeps a file locked; True also if the file cannot be opened."""
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
        fields = json.loads(os.pread(handle, 10_000, 0))
        if {name: type(value) for name, value in fields.items()} == TYPES:
            return Holder(**fields)
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
