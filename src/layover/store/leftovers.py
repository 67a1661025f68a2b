"""What killed runs, failures and older versions leave in a store beside finished nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from layover.store.files import folder_bytes, remove
from layover.store.store import Store

CHOICES = "choices"
"""The folder with the values that were chosen between trainings."""

WRITING_SECONDS = 60.0
"""A file that is younger may be one that `plan` or `status` writes, which hold no lease."""


def leftovers(store: Store, keep: Collection[str]) -> Iterator[Path]:
    """Yield unfinished work, logs, damaged nodes, notes of failures, and files that a killed process was writing.

    Args:
        store: The store.
        keep: Keys of nodes whose checkpoints and failures are still of use.
    """
    root = store.root
    for folder in (root / "work", root / "logs", store.damaged.folder, store.failures.folder):
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            kept = folder.name in {"work", "failed"} and place.name.removesuffix(".json") in keep
            if not kept:
                yield place
    now = time.time()
    for file in sorted((*root.glob(".*.json.*"), *(root / CHOICES).glob(".*.json.*"))):
        with suppress(FileNotFoundError):
            if now - file.lstat().st_mtime > WRITING_SECONDS:
                yield file


def sweep_up(store: Store, keep: Collection[str], check: Callable[[], None] | None = None) -> int:
    """Return the bytes of what is left over.

    Args:
        store: The store.
        keep: Keys of nodes whose checkpoints and failures are still of use.
        check: Given, all of it is removed, with leases of killed processes and folders without a node; it is called
            before each removal, and raises when this process must stop.
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
            with suppress(OSError):  # it holds nodes
                shard.rmdir()
    return size
