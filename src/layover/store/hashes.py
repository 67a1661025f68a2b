"""SHA-256 of data files, cached by a hash of path, size, both times and inode."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from layover.errors import DataError
from layover.files.archives import archive_of
from layover.identity import file_sha256, key_of
from layover.store.look import is_key
from layover.store.memory import Memory
from layover.store.state import FileState, state_of, unsettled_seconds

HASHES = "hashes.json"
MOST = 100_000
"""Most cached hashes; each takes 200 bytes in the file."""
TRIES = 3
LAG_SECONDS = 0.01
"""The clock of a file system may be late by a part of its tick."""


class FileHashes(Memory):
    """A cache of file hashes; a file whose state on the disk has changed is read again.

    A hash is cached only if every later change of the file changes its state. If the file system counts whole seconds,
    the hash is cached in this process only. The file of the cache has no paths: a name is the hash of path and state.
    """

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(file)
        self.keep({name for name in self.names() if is_key(name)})  # earlier versions wrote paths
        self._here: dict[str, tuple[FileState, str]] = {}
        """Path -> state and hash in this process."""

    def __call__(self, path: Path) -> str:
        """Return the SHA-256 of a file.

        Raises:
            DataError: the file cannot be read, or changes again and again.
        """
        try:
            place, state = str(path.resolve()), state_of(path)
            known = self._here.get(place)
            if known is None or known[0] != state:
                known = self._remembered(place, state)
            if known is None:
                known = _hashed(path, state)
                if not known[0].coarse:
                    self.put(_name(place, known[0]), known[1])
            self._here[place] = known
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        return known[1]

    def forget(self, paths: Iterable[Path]) -> None:
        """Drop the cached hashes of files, so that their next use reads them again."""
        for path in paths:
            place = str(path.resolve())
            known = self._here.pop(place, None)
            states = [] if known is None else [known[0]]
            with suppress(OSError):
                states.append(state_of(path))
            for state in states:
                self.drop(_name(place, state))

    def save(self) -> None:
        """Save as `Memory.save` does; if there are too many hashes, keep only the hashes of this process."""
        if len(self.names()) > MOST:
            self.keep({_name(place, state) for place, (state, _) in self._here.items()})
        super().save()

    def _remembered(self, place: str, state: FileState) -> tuple[FileState, str] | None:
        digest = self.get(_name(place, state))
        return (state, digest) if isinstance(digest, str) else None


def _name(place: str, state: FileState) -> str:
    return key_of([place, *state])


def _hashed(path: Path, state: FileState) -> tuple[FileState, str]:
    """Return the state and the hash of a file; every later change of the file changes its state."""
    place = (archive_of(path) or path).resolve().parent
    for _ in range(TRIES):
        while wait := unsettled_seconds(state, place):
            time.sleep(wait + LAG_SECONDS)
        digest, after = file_sha256(path), state_of(path)
        if after == state:
            return state, digest
        state = after
    raise DataError(f"{path}: the file changes while it is read; run again when it is complete")
