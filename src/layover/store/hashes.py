"""SHA-256 of data files, remembered by path, size and modification time."""

from __future__ import annotations

from pathlib import Path

from layover.archives import archive_of
from layover.errors import DataError, StoreError
from layover.identity import file_sha256
from layover.store.store import read_json, write_json


class FileHashes:
    """A memory of file hashes in one JSON file; a file that changed size or time is read again.

    Args:
        file: Where the memory lies; None keeps it for this object only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, list[object]] = {}
        self._changed = False
        if file is not None and file.is_file():
            try:
                self._known = dict(read_json(file))
            except StoreError:
                self._changed = True  # only a memory: a damaged one is made anew

    def __call__(self, path: Path) -> str:
        """Return the SHA-256 of a file.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            stat = (archive_of(path) or path).stat()
            name, state = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
            known = self._known.get(name)
            if known is None or known[:2] != state:
                self._known[name] = known = [*state, file_sha256(path)]
                self._changed = True
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        return str(known[2])

    def save(self) -> None:
        """Write the memory down when something was added."""
        if self._file is not None and self._changed:
            write_json(self._file, self._known)
            self._changed = False
