"""SHA-256 of data files, remembered by path, size, both times and inode."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from layover.archives import archive_of
from layover.errors import DataError
from layover.identity import file_sha256
from layover.store.memory import Memory
from layover.store.state import State, state_of, unsettled_seconds

HASHES = "hashes.json"
TRIES = 3
LAG_SECONDS = 0.01
"""The clock of a file system runs behind by a part of its tick."""


class FileHashes(Memory):
    """A memory of file hashes; a file whose state on the disk differs is read again.

    A hash is remembered only when every later change of the file shows in its state. Where the file system counts
    whole seconds, it is remembered in this process alone.
    """

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(file)
        self._here: dict[str, tuple[State, str]] = {}

    def __call__(self, path: Path) -> str:
        """Return the SHA-256 of a file.

        Raises:
            DataError: the file cannot be read, or does not stop changing.
        """
        try:
            name, state = str(path.resolve()), state_of(path)
            known = self._here.get(name) or self._remembered(name)
            if known is None or known[0] != state:
                known = _hashed(path, state)
                if not known[0].coarse:
                    self.put(name, [*known[0], known[1]])
            self._here[name] = known
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        return known[1]

    def forget(self, paths: Iterable[Path]) -> None:
        """Hash files anew when they are asked for next, in this run and in the next one."""
        for path in paths:
            name = str(path.resolve())
            self._here.pop(name, None)
            self.drop(name)

    def _remembered(self, name: str) -> tuple[State, str] | None:
        found = self.get(name)
        if not isinstance(found, list) or len(found) != len(State._fields) + 1:
            return None
        return State(*found[:-1]), str(found[-1])


def _hashed(path: Path, state: State) -> tuple[State, str]:
    """Return the hash of a file, and its state that every change after this will alter."""
    place = (archive_of(path) or path).resolve().parent
    for _ in range(TRIES):
        while wait := unsettled_seconds(state, place):
            time.sleep(wait + LAG_SECONDS)
        digest, after = file_sha256(path), state_of(path)
        if after == state:
            return state, digest
        state = after
    raise DataError(f"{path}: it changes while it is read; run again when it is complete")
