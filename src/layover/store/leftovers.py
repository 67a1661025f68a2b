"""Files in a store that are not finished nodes: remains of killed runs, of failures and of older versions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from layover.store.files import folder_bytes, remove
from layover.store.store import BEGUN, Store

CHOICES = "choices"
"""The folder of the values that were chosen between trainings."""

WRITING_SECONDS = 60.0
"""`plan` or `status`, which have no lease, may still be writing a younger file."""


def leftovers(store: Store, keep: Collection[str]) -> Iterator[Path]:
    """Yield unfinished work, logs, damaged nodes, notes of failures, and files that a killed process was writing.

    Args:
        store: The store.
        keep: Keys of nodes whose checkpoints and failures are kept.
    """
    root = store.root
    for folder in (root / "work", root / BEGUN, root / "logs", store.damaged.folder, store.failures.folder):
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            kept = folder.name in {"work", BEGUN, "failed"} and place.name.removesuffix(".json") in keep
            if not kept:
                yield place
    now = time.time()
    for file in sorted((*root.glob(".*.json.*"), *(root / CHOICES).glob(".*.json.*"))):
        with suppress(FileNotFoundError):
            if now - file.lstat().st_mtime > WRITING_SECONDS:
                yield file


def sweep_up(store: Store, keep: Collection[str], check: Callable[[], None] | None = None) -> int:
    """Return the bytes of all leftovers, and remove them if a check is given.

    Args:
        store: The store.
        keep: Keys of nodes whose checkpoints and failures are kept.
        check: Called before each removal; it raises if this process must stop. Leases of killed processes and empty
            folders are removed, too. None removes nothing.
    """
    size = 0
    for place in leftovers(store, keep):
        if check is not None:
            check()
        with suppress(FileNotFoundError):
            size += folder_bytes(place)
            if check is not None:
                remove(place)
    if check is not None:
        check()
        store.locks.tidy()
        for shard in (store.root / "nodes").glob("[0-9a-f][0-9a-f]"):
            with suppress(OSError):  # it contains nodes
                shard.rmdir()
    return size
