"""Caches of facts about data that are costly to compute, kept between runs."""

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
"""The errors of a read-only store: a snapshot, or the store of another user."""


class Memory:
    """A cache of JSON values by name, in one file; lost or damaged values are computed again.

    Each value has a digest of its name and itself, so that a changed or exchanged value is not used.

    Args:
        file: The file of the cache; None keeps the values in this object only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, Any] = {}
        self._changed = False
        if file is not None and _is_file(file):
            try:
                entries = read_json(file)
            except StoreError:
                entries = {"damaged": None}
            self._known = {name: entry for name, entry in entries.items() if _is_whole(name, entry)}
            self._changed = len(self._known) < len(entries)

    def names(self) -> list[str]:
        """Return the names of all values."""
        return list(self._known)

    def get(self, name: str) -> Any:
        """Return the value of a name, or None if unknown."""
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
        """Write the file if a value was added or forgotten; a read-only store or a full disk is no error."""
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
    except OSError:  # the folder cannot be entered
        return False


def _is_whole(name: str, entry: object) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"value", "digest"}:
        return False  # damaged, or written by Layover 0.1
    try:
        return bool(parsed_key([name, entry["value"]]) == entry["digest"])
    except ValueError:  # a number or a text that is never written
        return False
