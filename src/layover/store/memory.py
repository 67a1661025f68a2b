"""What is costly to find out about data, remembered from one run to the next."""

from __future__ import annotations

import errno
from collections.abc import Collection
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.files.disk import FULL
from layover.identity import key_of, parsed_key
from layover.store.files import read_json, write_json

LABELS = "labels.json"
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""The errors of a store that may only be read: a snapshot, or another person's."""


class Memory:
    """JSON values by name, in one file. Only a memory: what is lost or damaged is found out again.

    Each value stands beside a digest of its name and itself, so that a changed or exchanged one is not believed.

    Args:
        file: Where it lies; None keeps it for this object only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, Any] = {}
        self._changed = False
        if file is not None and _is_file(file):
            try:
                found = read_json(file)
            except StoreError:
                found = {"damaged": None}
            self._known = {name: entry for name, entry in found.items() if _is_whole(name, entry)}
            self._changed = len(self._known) < len(found)

    def names(self) -> list[str]:
        """Return the names of all values."""
        return list(self._known)

    def get(self, name: str) -> Any:
        """Return the value of a name, None for one that is unknown."""
        entry = self._known.get(name)
        return None if entry is None else entry["value"]

    def put(self, name: str, value: Any) -> None:
        """Set the value of a name."""
        self._known[name] = {"value": value, "digest": key_of([name, value])}
        self._changed = True

    def keep(self, names: Collection[str]) -> None:
        """Forget all other names."""
        for name in self._known.keys() - set(names):
            self.drop(name)

    def drop(self, name: str) -> None:
        """Forget a name."""
        self._changed = self._known.pop(name, None) is not None or self._changed

    def save(self) -> None:
        """Write the file when something was added or forgotten; a store that cannot be written stays as it is."""
        if self._file is None or not self._changed:
            return
        try:
            write_json(self._file, self._known)
        except OSError as error:
            if error.errno not in READ_ONLY | FULL:
                raise
        self._changed = False


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # in a folder that may not be entered
        return False


def _is_whole(name: str, entry: object) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"value", "digest"}:
        return False  # damaged, or as Layover 0.1 wrote it
    try:
        return bool(parsed_key([name, entry["value"]]) == entry["digest"])
    except ValueError:  # a number or a text that is never written
        return False
