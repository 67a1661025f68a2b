"""The locks of a store: runs and readers share it, `gc` uses it alone, and a node belongs to one process.

To hold a lock, a process publishes a lease and then reads the leases of others. If two processes come at the same time,
at least the later one sees the other, and withdraws. No process takes a lock from a live process. Any process that
finds the lease of a dead holder removes it.
"""

from __future__ import annotations

import errno
import os
import random
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from layover.errors import StoppedError, StoreError
from layover.stopping import Stop
from layover.store.lease import BEAT_SECONDS, OLDER, STALE_SECONDS, Holder, Lease, LeaseWatch, is_locked
from layover.store.marker import MARKER
from layover.store.memory import READ_ONLY

RUN, READ, GC = "run", "read", "gc"
POLL_SECONDS = 0.5
AGAIN_SECONDS = 60.0
"""Longest time between two messages of a waiting process."""
WITHDRAWN_SECONDS = 5.0
"""After this time, a process that came at the same moment as `gc` has withdrawn."""
MOST_ATTEMPTS = 5
"""Most attempts of a process to claim a node, when another process comes at the same moment."""

LEASE = re.compile(r"(?:run|read|gc|[0-9a-f]{64})\.[0-9a-f]{32}")
OLD_RUN = "sweep-*.lock"
"""The files that a run of an earlier version keeps locked."""

_NO_FOLDER = "this is not a folder, but the store needs a folder for its leases; remove it, and run again"
_READABLE = "the leases of other processes cannot be read; make this folder readable"
_ADVICE = {errno.ENOTDIR: _NO_FOLDER}

Report = Callable[[str], None]


@dataclass(frozen=True)
class Held:
    """A live lease of another process."""

    name: str
    """`run`, `read`, `gc`, or the key of a node."""
    holder: Holder
    still: float
    """Seconds since its last sign of life to this process; 0 if it certainly lives."""

    def __str__(self) -> str:
        if self.still < 2 * BEAT_SECONDS:
            return str(self.holder)
        return f"{self.holder}, which shows no sign of life and counts as ended after {STALE_SECONDS:.0f} s without one"


class Locks:
    """The leases of a store.

    Args:
        folder: The folder of the leases; made for the first lease.
        watch: The observations about the leases of other processes.
    """

    def __init__(self, folder: Path, watch: LeaseWatch | None = None) -> None:
        self.folder = folder
        self._watch = watch or LeaseWatch()

    def held(self, *names: str, own: Collection[Path] = ()) -> list[Held]:
        """Return the live leases with some names, or all live leases without names; remove leases of dead holders.

        Args:
            names: Names of leases.
            own: Files of this process's leases, which do not count.
        """
        leases = []
        for file in self._files():
            name = file.name.partition(".")[0]
            if file in own or (names and name not in names):
                continue
            holder, still = self._watch.look(file)
            if holder is not None:
                leases.append(Held(name, holder, still))
            else:
                with suppress(OSError):
                    file.unlink()
        if not names or RUN in names:
            leases += [Held(RUN, OLDER, 0.0) for file in self.folder.glob(OLD_RUN) if is_locked(file)]
        return leases

    @contextmanager
    def run(self, report: Report) -> Iterator[None]:
        """Hold the lease of a run, which keeps `gc` away; waits while `gc` removes nodes.

        Raises:
            StoreError: the store cannot be written.
            StoppedError: the user stopped the waiting.
        """
        lease = self._wait_for(RUN, "run", (GC,), report)
        try:
            yield
        finally:
            lease.release()

    @contextmanager
    def read(self, verb: str, report: Report) -> Iterator[None]:
        """Hold the lease of a reader, which keeps `gc` away; waits while `gc` removes nodes.

        In a store that cannot be written it only waits.

        Raises:
            StoppedError: the user stopped the waiting.
        """
        lease = None
        try:
            if self.folder.is_dir() or (self.folder.parent / MARKER).is_file():  # a copy may lack the folder
                lease = self._wait_for(READ, verb, (GC,), report)
        except (StoreError, OSError):  # a snapshot, the store of another user, a full disk
            with suppress(StoreError):  # the leases cannot even be read
                self.wait((GC,), report)
        try:
            yield
        finally:
            if lease is not None:
                lease.release()

    @contextmanager
    def collect(self, report: Report) -> Iterator[Callable[[], None]]:
        """Hold the store alone; waits while another process works on it.

        Yields a check to call before each removal. It raises a `StoreError` if another process may have treated this
        process as dead (a laptop that slept), or if another process lives.

        Raises:
            StoreError: the store cannot be written.
            StoppedError: the user stopped the waiting.
        """
        lease = self._wait_for(GC, "gc", (), report)

        def check() -> None:
            if not lease.held():
                raise StoreError("gc stops here: this process showed no sign of life for too long; run gc again")
            patient = time.monotonic() + WITHDRAWN_SECONDS
            while others := self.held(own=(lease.file,)):
                if time.monotonic() > patient:
                    raise StoreError(f"gc stops here: {others[0]} also works on this store; run gc again")
                time.sleep(0.05)

        try:
            yield check
        finally:
            lease.release()

    @contextmanager
    def claim(self, key: str) -> Iterator[Lease | None]:
        """Yield a lease while only this process may work on a node; None if another process works on it.

        Raises:
            StoreError: the store cannot be written.
        """
        for _ in range(MOST_ATTEMPTS):
            if self.held(key):
                yield None
                return
            lease = self._lease(key, "run")
            if self.held(key, own=(lease.file,)):
                lease.release()
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  the other process withdrew, too
                continue
            try:
                yield lease
            finally:
                lease.release()
            return
        yield None

    def wait(self, names: Collection[str], report: Report) -> None:
        """Wait until no other process holds a lease with some names (any lease without names); report the holders.

        Raises:
            StoppedError: the user stopped the waiting.
        """
        reported, when = "", 0.0
        try:
            while others := self.held(*names):
                text = _listed(others)
                if text != reported or time.monotonic() - when >= AGAIN_SECONDS:
                    report(f"waits for {text}; Ctrl-C stops waiting, nothing is changed yet")
                    reported, when = text, time.monotonic()
                time.sleep(POLL_SECONDS)
        except (Stop, KeyboardInterrupt):
            raise StoppedError("stopped while waiting; nothing was changed") from None

    def tidy(self) -> None:
        """Remove leases of killed processes and files of older versions.

        Call it only inside `collect`: a lease that is being written looks like the lease of a killed process.
        """
        for file in self.folder.iterdir() if self.folder.is_dir() else ():
            alive = self._watch.look(file)[0] is not None if LEASE.fullmatch(file.name) else is_locked(file)
            if not alive:
                file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        try:
            with os.scandir(self.folder) as entries:
                return [self.folder / entry.name for entry in entries if LEASE.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.folder}: {_ADVICE.get(error.errno or 0, _READABLE)} ({error.strerror})") from None

    def _wait_for(self, name: str, verb: str, others: Collection[str], report: Report) -> Lease:
        while True:
            self.wait(others, report)
            lease = self._lease(name, verb)
            if not self.held(*others, own=(lease.file,)):
                return lease
            lease.release()
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311  the other process withdrew, too

    def _lease(self, name: str, verb: str) -> Lease:
        try:
            return self._published(name, verb)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreError(f"{self.folder}: {_NO_FOLDER} ({error.strerror})") from None
        except OSError as error:
            if error.errno not in READ_ONLY:
                raise
            raise StoreError(
                f"{self.folder.parent}: this store cannot be written ({error.strerror}); name your own store with "
                "--store (a copy of this store keeps its finished nodes)"
            ) from None

    def _published(self, name: str, verb: str) -> Lease:
        """Return a new lease; try again if `gc` removes its file while it is being written."""
        for _ in range(MOST_ATTEMPTS):
            self.folder.mkdir(exist_ok=True)
            with suppress(FileNotFoundError, BlockingIOError):
                return Lease(self.folder, name, verb, renews=name == RUN)
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  `gc` has finished by then
        return Lease(self.folder, name, verb, renews=name == RUN)


def _listed(others: list[Held]) -> str:
    """Return the holders of leases as text; the workers of a run are not listed in addition to the run."""
    leading = [lease for lease in others if lease.name in {RUN, READ, GC}] or others
    return ", ".join(dict.fromkeys(map(str, leading)))
