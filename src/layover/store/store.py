"""The store: a folder of finished nodes, content-addressed, committed atomically.

    store.json              marks the folder as a store
    nodes/ab/abcd.../       a finished node: its files and done.json, written last
    work/abcd.../           checkpoints of an unfinished node, to resume from
    work/tmp-*/             a node that is being written; renamed or removed at its end
    damaged/                nodes that were changed after they were written, until `gc` removes them
    locks/                  one lease for each run, reader and node in work; removed at its end
    failed/abcd....json     the last failure of a node
    hashes.json             SHA-256 of data files, by a hash of path, size, times and inode
    labels.json             facts that plans found in data and tokenizers: labels, counts, lengths, forms

A node is finished if and only if its folder under `nodes/` exists and is undamaged. A node is written in another folder
and then renamed. Every reader checks it against its key and the hashes of its files. No file of a store names a folder
of the machine on which it was made.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from layover.errors import LostNodeError, StoreError
from layover.identity import file_sha256, key_of
from layover.store.files import folder_bytes, read_json, remove, sealed, write_json
from layover.store.hashes import HASHES, FileHashes
from layover.store.lease import Lease
from layover.store.locks import RUN, Locks
from layover.store.look import DONE, Look, contents, is_key, look_at, read_done
from layover.store.marker import is_store, make_store
from layover.store.memory import LABELS, Memory
from layover.store.notes import Damaged, Failures
from layover.store.state import FileState, unsettled_seconds

BEGUN = "begun"
"""The folder with the checkpoints of trainings that a search has stopped."""


class Store:
    """A folder of finished nodes.

    Args:
        root: The folder.
        create: Whether to make an absent store. Otherwise an absent store stays absent, and acts as an empty store.

    Raises:
        StoreError: the folder has other content, or is a store of another schema; or it cannot be read or made.
    """

    def __init__(self, root: Path, *, create: bool = True) -> None:
        self.root = root
        self.damaged = Damaged(root / "damaged")
        self.failures = Failures(root / "failed")
        self.locks = Locks(root / "locks")
        self._looks: dict[str, tuple[Mapping[str, FileState], bool, Look]] = {}
        self.is_there = is_store(root)
        if create and not self.is_there:
            make_store(root)
            self.is_there = True

    @classmethod
    def existing(cls, root: Path) -> Self:
        """Return the store in a folder, for commands that need one.

        Raises:
            StoreError: the folder is not a store; no store is made.
        """
        store = cls(root, create=False)
        if not store.is_there:
            raise StoreError(f"there is no store at {root.absolute()}; make one with `layover run`, or use --store")
        return store

    @cached_property
    def hashes(self) -> FileHashes:
        """The cached hashes of data files."""
        return FileHashes(self.root / HASHES)

    def forget(self, files: Iterable[Path]) -> None:
        """Drop the cached hashes of changed files, so that the next run reads them."""
        self.hashes.forget(files)
        self.hashes.save()

    @contextmanager
    def remembered(self) -> Iterator[Memory]:
        """Yield the cache of facts about data and tokenizers; write it at the end if it was changed."""
        memory = Memory(self.root / LABELS)
        yield memory
        memory.save()

    # reading

    def survey(self) -> dict[str, Look]:
        """Return key -> result of the check of every node.

        Raises:
            StoreError: a folder of nodes cannot be read.
        """
        shards = [name for name in _names(self.root / "nodes") if (self.root / "nodes" / name).is_dir()]
        listed = [(shard, name) for shard in shards for name in _names(self.root / "nodes" / shard)]
        keys = [name for shard, name in listed if is_key(name) and name.startswith(shard)]
        looks = ((key, self.look(key)) for key in keys)
        return {key: look for key, look in looks if look is not None}

    def finished(self) -> set[str]:
        """Return the keys of all finished nodes."""
        return {key for key, look in self.survey().items() if look.damage is None}

    def has(self, key: str) -> bool:
        """Return whether a node is finished."""
        look = self.look(key)
        return look is not None and look.damage is None

    def look(self, key: str, *, thorough: bool = False) -> Look | None:
        """Return the result of the check of a node, or None if absent; cached until a file of the node changes.

        Args:
            key: The key of the node.
            thorough: Whether large files are compared with their hashes, too; once in each process.
        """
        place, noted = self._place(key), self.damaged.holds(key)
        try:
            states = contents(place)
        except OSError as error:
            if not os.path.lexists(place):
                return None
            return Look(f"its folder cannot be read: {error.strerror}")
        known = self._looks.get(key)
        if known is not None and known[0] == states and (known[1] or not (thorough or noted)):
            look = known[2]
        else:
            newest = max(states.values(), key=lambda state: state.changed, default=None)
            settled = newest is not None and not unsettled_seconds(newest, place)
            look = look_at(place, key, states, thorough=thorough or noted)
            if look.damage is not None and not os.path.lexists(place):
                return None  # `gc` removed it meanwhile
            if settled:
                self._looks[key] = (states, thorough or noted, look)
        if noted and look.damage is None:
            self.damaged.clear(key)
        return look

    def path(self, key: str) -> Path:
        """Return the folder of a finished node, checked against its key and the hashes of all its files.

        Raises:
            LostNodeError: the node is absent or damaged.
        """
        look = self.look(key, thorough=True)
        if look is None or look.damage is not None:
            raise self._lost(key, look)
        return self._place(key)

    def read(self, key: str, name: str) -> dict[str, Any]:
        """Return the object in a JSON file of a finished node; the other large files of the node are not read.

        Raises:
            LostNodeError: the node is absent or damaged.
        """
        look = self.look(key)
        if look is None or look.damage is not None:
            raise self._lost(key, look)
        return read_json(self._place(key) / name)

    def done(self, key: str) -> dict[str, Any]:
        """Return a finished node's `done.json`: kind, identity, needs, files, seconds.

        Raises:
            LostNodeError: the node is absent, or this file is damaged.
        """
        place = self._place(key)
        if not os.path.lexists(place):
            raise self._lost(key, None)
        try:
            return read_done(place, key)
        except StoreError as error:
            raise self._lost(key, Look(str(error))) from None

    def _lost(self, key: str, look: Look | None) -> LostNodeError:
        if look is None:
            return LostNodeError(key, f"node {key[:12]} is not in {self.root}; `layover run` computes it")
        self.damaged.add(key, look.damage or "")
        return LostNodeError(key, f"node {key[:12]} is damaged ({look.damage}); `layover run` computes it again")

    def work(self, key: str) -> Path:
        """Return the folder in which a node may save checkpoints, to resume after a kill."""
        return self.root / "work" / key

    def begun(self, key: str) -> Path:
        """Return the folder with the checkpoints of beginnings of a training, one for each share of its steps."""
        return self.root / BEGUN / key

    def _place(self, key: str) -> Path:
        return self.root / "nodes" / key[:2] / key

    # writing

    @contextmanager
    def writing(self, kind: str, identity: Mapping[str, Any], needs: tuple[str, ...]) -> Iterator[Path]:
        """Yield a temporary folder to fill; commit it as the node of `identity` if the block ends without an error.

        The files are hashed into `done.json`, which is written last; then the folder is renamed. If another process
        committed the same node meanwhile, its result stays and this one is dropped, because equal keys have equal
        results.
        """
        key = key_of(identity)
        (self.root / "work").mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"tmp-{key[:12]}-", dir=self.root / "work"))
        started = time.perf_counter()
        try:
            yield folder
            files = {
                str(file.relative_to(folder)): {"sha256": file_sha256(file), "bytes": file.stat().st_size}
                for file in sorted(folder.rglob("*"))
                if file.is_file()
            }
            done = {"kind": kind, "key": key, "identity": dict(identity), "needs": list(needs), "files": files}
            write_json(folder / DONE, sealed({**done, "seconds": round(time.perf_counter() - started, 3)}))
            self._commit(folder, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.work(key), ignore_errors=True)
        self.failures.clear(key)

    def _commit(self, folder: Path, key: str) -> None:
        place = self._place(key)
        self.set_aside(key)  # a damaged node with the same key
        if os.path.lexists(place.parent) and not place.parent.is_dir():
            self.damaged.take(place.parent, place.parent.name, "it is a file where a folder of nodes must be")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(place)
        except OSError:
            if not self.has(key):
                raise
        self.damaged.clear(key)

    def set_aside(self, key: str) -> str | None:
        """Move a damaged node to the folder `damaged`; return the damage, or None if the node is not damaged.

        Raises:
            StoreError: the node cannot be moved.
        """
        look = self.look(key)
        if look is None or look.damage is None:
            return None
        self._looks.pop(key, None)
        return look.damage if self.damaged.take(self._place(key), key, look.damage) else None

    def remove(self, key: str) -> int:
        """Remove a node, finished or damaged; return its bytes, or 0 if absent."""
        place = self._place(key)
        removed = self.root / "work" / f"tmp-gone-{key[:12]}-{uuid.uuid4().hex}"
        try:
            size = folder_bytes(place)
            removed.parent.mkdir(exist_ok=True)
            place.rename(removed)  # rename first, so that a kill leaves no half node
        except FileNotFoundError:
            return 0
        remove(removed)
        self._looks.pop(key, None)
        return size

    def size_of(self, key: str) -> int:
        """Return the bytes of a node, or 0 if absent."""
        try:
            return folder_bytes(self._place(key))
        except FileNotFoundError:
            return 0

    @contextmanager
    def claim(self, key: str) -> Iterator[Lease | None]:
        """Yield a lease while only this process may work on a node; None if another process works on it."""
        with self.locks.claim(key) as lease:
            yield lease

    def sweeps_running(self) -> int:
        """Return the number of current runs on this store."""
        return len(self.locks.held(RUN))


def _names(folder: Path) -> list[str]:
    """Return the names in a folder of the store; none if the folder is absent.

    Raises:
        StoreError: the folder cannot be read.
    """
    try:
        return os.listdir(folder)  # noqa: PTH208  an iterator of pathlib fails later
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{folder}: cannot be read: {error.strerror}; name another folder with --store") from None
