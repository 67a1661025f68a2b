"""Notes of a store about nodes: the reasons of failures, and damaged nodes."""

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
        folder: The folder of the notes; made for the first note.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self, key: str) -> None:
        """Remove a note, because the node is undamaged or was computed again."""
        with suppress(OSError):
            self._note(key).unlink()

    def _note(self, key: str) -> Path:
        return self.folder / f"{key}.json"


DIVERGED = "diverged"
"""Field of a failure that every repetition has: the loss of the training is not finite."""


class Failures(_Notes):
    """The last failure of each node."""

    def add(self, key: str, failure: Mapping[str, str | None], known: Sequence[Path] = ()) -> None:
        """Save the failure of a node, without folders of the machine.

        If the note cannot be written, as on a full disk, nothing is saved, because a note must not end a run.

        Args:
            key: The key of the node.
            failure: The fields `node`, `error` and `traceback`.
            known: Paths that the node reads, for `without_folders`.
        """
        with suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            texts = {name: without_folders(text, known) for name, text in failure.items()}
            write_json(self._note(key), sealed(texts))

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the last failure of a node, or None; a damaged note is a failure with a message about the note."""
        file = self._note(key)
        if not os.path.lexists(file):
            return None
        try:
            note = read_json(file)
            if is_sealed(note):
                return {name: value for name, value in note.items() if name != DIGEST}
        except StoreError:
            pass
        error = f"the node failed, and the note with the reason is damaged ({file}); run again"
        return {"node": key[:12], "error": error, "traceback": None}

    def diverged(self, key: str) -> bool:
        """Return whether a training diverged: its loss was not finite, and a repetition would end so, too."""
        return DIVERGED in (self.get(key) or {})

    def keys(self) -> set[str]:
        """Return the keys of the nodes whose last attempt failed."""
        return {file.stem for file in self.folder.glob("*.json")}


class Damaged(_Notes):
    """Damaged nodes: `KEY.json` marks a node until it is computed again; `KEY.1` is the moved folder of the node."""

    def keys(self) -> set[str]:
        """Return the keys of the nodes that must be computed again."""
        return {file.stem for file in self.folder.glob("*.json") if is_key(file.stem)}

    def holds(self, key: str) -> bool:
        """Return whether a node is marked as damaged."""
        return self._note(key).exists()

    def add(self, key: str, reason: str) -> None:
        """Mark a node as damaged, so that the next run computes it again; a read-only store stays as it is.

        The mark is needed because a normal check does not see damage in large files.
        """
        if not self.holds(key):
            with suppress(OSError):
                self.folder.mkdir(exist_ok=True)
                write_json(self._note(key), {"key": key, "reason": reason})

    def take(self, place: Path, key: str, reason: str) -> bool:
        """Move a node into this folder, with a note of the reason; return False if another process was faster.

        Raises:
            StoreError: the node cannot be moved.
        """
        self.add(key, reason)
        target = self._free(key)
        try:
            self.folder.mkdir(exist_ok=True)
            place.rename(target)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{place}: is damaged ({reason}), and cannot be moved: {error.strerror}") from None
        write_json(target.with_name(f"{target.name}.json"), {"key": key, "reason": reason})
        return True

    def _free(self, name: str) -> Path:
        paths = (self.folder / f"{name}.{number}" for number in itertools.count(1))
        return next(path for path in paths if not os.path.lexists(path))
