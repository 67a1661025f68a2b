"""The folder of damaged nodes: out of the way, still there for people to look at, and to be computed again."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from pathlib import Path

from layover.errors import StoreError
from layover.store.files import write_json
from layover.store.look import is_key


class Damaged:
    """`KEY.json` says that a node is damaged, until it is computed again; `KEY.1` is what was set aside.

    Args:
        folder: Made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keys(self) -> set[str]:
        """Return the keys of the nodes that are still to be computed again."""
        return {file.stem for file in self.folder.glob("*.json") if is_key(file.stem)}

    def holds(self, key: str) -> bool:
        """Tell whether a node is one of them."""
        return self._note(key).exists()

    def add(self, key: str, reason: str) -> None:
        """Note that a node is damaged, so that the next run mends it; a store that cannot be written to stays as it is.

        What is found where a large file is read, no later look at the node would find.
        """
        if not self.holds(key):
            with suppress(OSError):
                self.folder.mkdir(exist_ok=True)
                write_json(self._note(key), {"key": key, "reason": reason})

    def clear(self, key: str) -> None:
        """Take the note back: the node is whole, or was computed again."""
        with suppress(OSError):
            self._note(key).unlink()

    def take(self, place: Path, key: str, reason: str) -> bool:
        """Move a node here, with the reason beside it; return False when another process was faster.

        Raises:
            StoreError: it cannot be moved.
        """
        self.add(key, reason)
        target = self._free(key)
        try:
            self.folder.mkdir(exist_ok=True)
            place.rename(target)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{place}: damaged ({reason}), and cannot be set aside: {error.strerror}") from None
        write_json(target.with_name(f"{target.name}.json"), {"key": key, "reason": reason})
        return True

    def _free(self, name: str) -> Path:
        paths = (self.folder / f"{name}.{number}" for number in itertools.count(1))
        return next(path for path in paths if not os.path.lexists(path))

    def _note(self, key: str) -> Path:
        return self.folder / f"{key}.json"
