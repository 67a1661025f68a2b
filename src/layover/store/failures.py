"""Why nodes failed last."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.store.files import DIGEST, is_sealed, read_json, sealed, write_json
from layover.store.folderless import without_folders


class Failures:
    """Notes by key, each in a file.

    Args:
        folder: Made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, key: str, failure: Mapping[str, str | None], known: Sequence[Path] = ()) -> None:
        """Keep why a node failed: `node`, `error`, `traceback`. Folders of the machine are left out of it.

        `known` are paths that the node reads, see `without_folders`. Where it cannot be written, on a full disk
        perhaps, nothing is kept: a note must not end the run that tells it.
        """
        with suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            told = {name: without_folders(text, known) for name, text in failure.items()}
            write_json(self._file(key), sealed(told))

    def get(self, key: str) -> dict[str, Any] | None:
        """Return why a node failed last, or None; where the note is damaged, it says that."""
        file = self._file(key)
        if not os.path.lexists(file):
            return None
        try:
            found = read_json(file)
            if is_sealed(found):
                return {name: value for name, value in found.items() if name != DIGEST}
        except StoreError:
            pass
        error = f"it failed, and the note that said why is damaged ({file}); run again"
        return {"node": key[:12], "error": error, "traceback": None}

    def keys(self) -> set[str]:
        """Return the keys of the nodes whose last attempt failed."""
        return {file.stem for file in self.folder.glob("*.json")}

    def clear(self, key: str) -> None:
        """Take a note back: the node is finished."""
        with suppress(OSError):
            self._file(key).unlink()

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"
