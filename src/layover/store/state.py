"""What tells that a file is still the one that was read: size, both times and the inode."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from layover.files.archives import archive_of

SECOND = 10**9
FINE_SECONDS = 0.1
"""More than one tick of a file system with fine times: the kernel counts in hundredths of a second at worst."""
COARSE_SECONDS = 2.1
"""More than one tick of one that counts whole seconds, or two at a time."""


class FileState(NamedTuple):
    """The state of a file on the disk; one in an archive has that of its archive.

    A change of the content sets `changed`, which no program can set back as it can `modified`.
    """

    size: int
    modified: int
    """Nanoseconds."""
    changed: int
    """Nanoseconds."""
    inode: int

    @property
    def coarse(self) -> bool:
        """Whether its file system seems to count whole seconds only, so that a later change may not show."""
        return self.changed % SECOND == 0


def state_of(path: Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: it is not there.
    """
    return state_from((archive_of(path) or path).stat())


def state_from(stat: os.stat_result) -> FileState:
    """Return the state that the system's answer tells."""
    return FileState(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


FileStates = tuple[tuple[str, FileState], ...]


def states_in(folder: Path) -> FileStates:
    """Return name and state of each file of a folder; nothing where it is none."""
    if not folder.is_dir():
        return ()
    return tuple((file.name, state_of(file)) for file in sorted(folder.iterdir()) if file.is_file())


def clock_of(folder: Path) -> float | None:
    """Return the seconds that the clock of a folder's file system shows, None where it cannot be asked.

    A file without a name is made there, and is gone at once.
    """
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError:
        return None
    try:
        return os.fstat(handle).st_ctime_ns / SECOND
    finally:
        os.close(handle)


def unsettled_seconds(state: FileState, folder: Path) -> float:
    """Return how long a change of a file may still leave its state as it is; 0 when every change shows.

    A file that changed within one tick of its file system's clock can change again within the same tick (what git
    calls racy). Where the clock cannot be asked, that of this machine counts, with the longest tick.

    Args:
        state: Of the file.
        folder: Where it lies.
    """
    now = clock_of(folder)
    tick = COARSE_SECONDS if state.coarse or now is None else FINE_SECONDS
    age = (time.time() if now is None else now) - state.changed / SECOND
    return max(0.0, tick - age) if age > -tick else 0.0  # a time that is yet to come will not be given again
