"""Who works on a store: runs and readers beside each other, `gc` alone, each node by one process.

To hold something, a process publishes a lease and then looks at those of others: when two come at once, at least the
later one sees the other, and withdraws. Nothing is ever taken from a live process; a lease whose holder is gone is
removed by whoever meets it.
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
"""A process that waits says so at least this often."""
WITHDRAWN_SECONDS = 5.0
"""Whoever came at the same moment as `gc` has withdrawn by then."""
MOST_ATTEMPTS = 5
"""So often does a process try for a node when another one comes at the same moment."""

LEASE = re.compile(r"(?:run|read|gc|[0-9a-f]{64})\.[0-9a-f]{32}")
OLD_RUN = "sweep-*.lock"
"""What a run of an earlier version keeps locked."""

_NO_FOLDER = "this is no folder, and leases of the store go into one; remove it, and run again"
_READABLE = "who works on this store cannot be seen; make this folder readable"
_MEND = {errno.ENOTDIR: _NO_FOLDER}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Held:
    """A live lease of another process."""

    name: str
    """`run`, `read`, `gc`, or the key of a node."""
    holder: Holder
    still: float
    """Seconds for which it has shown no life to this process; 0 where it is certain that it lives."""

    def __str__(self) -> str:
        if self.still < 2 * BEAT_SECONDS:
            return str(self.holder)
        return f"{self.holder}, which shows no sign of life and counts as gone after {STALE_SECONDS:.0f} s without one"


class Locks:
    """The leases of a store.

    Args:
        folder: Made when the first one is taken.
        watch: What is known of the leases of others.
    """

    def __init__(self, folder: Path, watch: LeaseWatch | None = None) -> None:
        self.folder = folder
        self._watch = watch or LeaseWatch()

    def held(self, *names: str, beside: Collection[Path] = ()) -> list[Held]:
        """Return the live leases of some names, or of all when none is given; files of dead ones are removed.

        Args:
            names: Of what is held.
            beside: Files of leases that do not count: one's own.
        """
        found = []
        for file in self._files():
            name = file.name.partition(".")[0]
            if file in beside or (names and name not in names):
                continue
            holder, still = self._watch.look(file)
            if holder is not None:
                found.append(Held(name, holder, still))
            else:
                with suppress(OSError):
                    file.unlink()
        if not names or RUN in names:
            found += [Held(RUN, OLDER, 0.0) for file in self.folder.glob(OLD_RUN) if is_locked(file)]
        return found

    @contextmanager
    def run(self, tell: Tell) -> Iterator[None]:
        """Mark a run, so that `gc` keeps away; waits while one removes.

        Raises:
            StoreError: the store cannot be written.
            StoppedError: a person stopped the waiting.
        """
        lease = self._wait_for(RUN, "run", (GC,), tell)
        try:
            yield
        finally:
            lease.release()

    @contextmanager
    def read(self, verb: str, tell: Tell) -> Iterator[None]:
        """Keep `gc` away while nodes are read; waits while one removes. In a store that cannot be written, only waits.

        Raises:
            StoppedError: a person stopped the waiting.
        """
        lease = None
        try:
            if self.folder.is_dir() or (self.folder.parent / MARKER).is_file():  # a copy may lack the folder
                lease = self._wait_for(READ, verb, (GC,), tell)
        except (StoreError, OSError):  # a snapshot, another person's store, a full disk
            with suppress(StoreError):  # where one may not even look for whom to wait
                self.wait((GC,), tell)
        try:
            yield
        finally:
            if lease is not None:
                lease.release()

    @contextmanager
    def collect(self, tell: Tell) -> Iterator[Callable[[], None]]:
        """Have the store alone; waits while anyone else works on it.

        Yields a check to be made before each removal: it raises a `StoreError` when this process was taken for gone
        meanwhile (a laptop that slept), or when another one turns out to live.

        Raises:
            StoreError: the store cannot be written.
            StoppedError: a person stopped the waiting.
        """
        lease = self._wait_for(GC, "gc", (), tell)

        def check() -> None:
            if not lease.held():
                raise StoreError("gc stops here: this process showed no life for too long; run it again")
            patient = time.monotonic() + WITHDRAWN_SECONDS
            while others := self.held(beside=(lease.file,)):
                if time.monotonic() > patient:
                    raise StoreError(f"gc stops here: {others[0]} works on this store, too; run gc again")
                time.sleep(0.05)

        try:
            yield check
        finally:
            lease.release()

    @contextmanager
    def claim(self, key: str) -> Iterator[Lease | None]:
        """Yield a lease while this process alone may work on a node; None when another one does.

        Raises:
            StoreError: the store cannot be written.
        """
        for _ in range(MOST_ATTEMPTS):
            if self.held(key):
                yield None
                return
            lease = self._lease(key, "run")
            if self.held(key, beside=(lease.file,)):
                lease.release()
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  the other one withdrew as well
                continue
            try:
                yield lease
            finally:
                lease.release()
            return
        yield None

    def wait(self, names: Collection[str], tell: Tell) -> None:
        """Wait until no other process holds one of some names, or anything; say for whom.

        Raises:
            StoppedError: a person stopped the waiting.
        """
        said, when = "", 0.0
        try:
            while others := self.held(*names):
                text = _listed(others)
                if text != said or time.monotonic() - when >= AGAIN_SECONDS:
                    tell(f"waits for {text}; Ctrl-C stops waiting, nothing is changed yet")
                    said, when = text, time.monotonic()
                time.sleep(POLL_SECONDS)
        except (Stop, KeyboardInterrupt):
            raise StoppedError("stopped while it waited; nothing was changed") from None

    def tidy(self) -> None:
        """Remove files that hold nothing: of killed processes, and of older versions.

        Only under `collect`: a lease that is being written looks like one of a killed process.
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
            raise StoreError(f"{self.folder}: {_MEND.get(error.errno or 0, _READABLE)} ({error.strerror})") from None

    def _wait_for(self, name: str, verb: str, others: Collection[str], tell: Tell) -> Lease:
        while True:
            self.wait(others, tell)
            lease = self._lease(name, verb)
            if not self.held(*others, beside=(lease.file,)):
                return lease
            lease.release()
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311  the other one withdrew as well

    def _lease(self, name: str, verb: str) -> Lease:
        try:
            return self._published(name, verb)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreError(f"{self.folder}: {_NO_FOLDER} ({error.strerror})") from None
        except OSError as error:
            if error.errno not in READ_ONLY:
                raise
            raise StoreError(
                f"{self.folder.parent}: this store cannot be written ({error.strerror}); name one of your own with "
                "--store: a copy of this one keeps what is finished"
            ) from None

    def _published(self, name: str, verb: str) -> Lease:
        """Return a new lease; tried again where `gc` meets its file while it is being written."""
        for _ in range(MOST_ATTEMPTS):
            self.folder.mkdir(exist_ok=True)
            with suppress(FileNotFoundError, BlockingIOError):
                return Lease(self.folder, name, verb, renews=name == RUN)
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  it has looked by then
        return Lease(self.folder, name, verb, renews=name == RUN)


def _listed(others: list[Held]) -> str:
    """Return who holds a lease; the workers of a run are not listed beside it."""
    leading = [one for one in others if one.name in {RUN, READ, GC}] or others
    return ", ".join(dict.fromkeys(map(str, leading)))
