"""The state of a file, which shows whether it has changed: size, both times and the inode."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from layover.files.archives import archive_of

SECOND = 10**9
FINE_SECONDS = 0.1
"""Longer than a tick of a file system with fine times; the kernel counts in hundredths of a second at worst."""
COARSE_SECONDS = 2.1
"""Longer than a tick of a file system that counts whole seconds, or steps of two seconds."""


class FileState(NamedTuple):
    """The state of a file on the disk; a file in an archive has the state of the archive.

    A change of the content updates `changed`. A program can set back `modified`, but cannot set back `changed`.
    """

    size: int
    modified: int
    """Nanoseconds."""
    changed: int
    """Nanoseconds."""
    inode: int

    @property
    def coarse(self) -> bool:
        """Whether its file system seems to count whole seconds, so that a later change may be invisible."""
        return self.changed % SECOND == 0


def state_of(path: Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: the file is absent.
    """
    return state_from((archive_of(path) or path).stat())


def state_from(stat: os.stat_result) -> FileState:
    """Return the state from the result of `stat`."""
    return FileState(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


FileStates = tuple[tuple[str, FileState], ...]


def states_in(folder: Path) -> FileStates:
    """Return name and state of each file in a folder; nothing if it is not a folder."""
    if not folder.is_dir():
        return ()
    return tuple((file.name, state_of(file)) for file in sorted(folder.iterdir()) if file.is_file())


def clock_of(folder: Path) -> float | None:
    """Return the time of a folder's file system in seconds, or None if it cannot be read.

    It is the time of a temporary file without a name.
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
    """Return the seconds for which a change of a file may leave its state equal; 0 if every change is visible.

    A file that changed within the current tick of its file system's clock can change again in the same tick (git calls
    it racy). If this clock cannot be read, the clock of this machine is used, with the longest tick.

    Args:
        state: The state of the file.
        folder: The folder of the file.
    """
    now = clock_of(folder)
    tick = COARSE_SECONDS if state.coarse or now is None else FINE_SECONDS
    age = (time.time() if now is None else now) - state.changed / SECOND
    return max(0.0, tick - age) if age > -tick else 0.0  # a new change does not get a time in the future
