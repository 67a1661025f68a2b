"""Notes that a store keeps of nodes: why they failed last, and which are damaged."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.store.files import DIGEST, is_sealed, read_json, sealed, write_json
from layover.store.folderless import without_folders
from layover.store.look import is_key


class _Notes:
    """Notes by key, each in a file.

    Args:
        folder: Made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self, key: str) -> None:
        """Take a note back: the node is whole, or was computed again."""
        with suppress(OSError):
            self._note(key).unlink()

    def _note(self, key: str) -> Path:
        return self.folder / f"{key}.json"


class Failures(_Notes):
    """Why nodes failed last."""

    def add(self, key: str, failure: Mapping[str, str | None], known: Sequence[Path] = ()) -> None:
        """Keep why a node failed: `node`, `error`, `traceback`. Folders of the machine are left out of it.

        `known` are paths that the node reads, see `without_folders`. Where it cannot be written, on a full disk
        perhaps, nothing is kept: a note must not end the run that tells it.
        """
        with suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            texts = {name: without_folders(text, known) for name, text in failure.items()}
            write_json(self._note(key), sealed(texts))

    def get(self, key: str) -> dict[str, Any] | None:
        """Return why a node failed last, or None; where the note is damaged, it says that."""
        file = self._note(key)
        if not os.path.lexists(file):
            return None
        try:
            note = read_json(file)
            if is_sealed(note):
                return {name: value for name, value in note.items() if name != DIGEST}
        except StoreError:
            pass
        error = f"it failed, and the note that said why is damaged ({file}); run again"
        return {"node": key[:12], "error": error, "traceback": None}

    def keys(self) -> set[str]:
        """Return the keys of the nodes whose last attempt failed."""
        return {file.stem for file in self.folder.glob("*.json")}


class Damaged(_Notes):
    """`KEY.json` says that a node is damaged, until it is computed again; `KEY.1` is what was set aside."""

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
