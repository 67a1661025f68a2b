"""What is costly to find out about data, remembered from one run to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.identity import key_of, parsed_key
from layover.store.files import read_json, write_json

LABELS = "labels.json"


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
        if file is not None and file.is_file():
            try:
                self._known = dict(read_json(file))
            except StoreError:
                self._changed = True

    def get(self, name: str) -> Any:
        """Return the value of a name, None for one that is unknown or damaged."""
        found = self._known.get(name)
        if not isinstance(found, dict) or set(found) != {"value", "digest"}:
            return None
        try:
            return found["value"] if parsed_key([name, found["value"]]) == found["digest"] else None
        except ValueError:  # a number or a text that is never written
            return None

    def put(self, name: str, value: Any) -> None:
        """Set the value of a name."""
        self._known[name] = {"value": value, "digest": key_of([name, value])}
        self._changed = True

    def drop(self, name: str) -> None:
        """Forget a name."""
        self._changed = self._known.pop(name, None) is not None or self._changed

    def save(self) -> None:
        """Write the file when something was added or forgotten."""
        if self._file is not None and self._changed:
            write_json(self._file, self._known)
            self._changed = False
