"""The store: a folder of finished nodes, content-addressed, committed atomically.

    store.json              what this folder is
    nodes/ab/abcd.../       a finished node: its files and done.json, written last
    work/abcd.../           what an unfinished node left to go on from (checkpoints)
    work/tmp-*/             a node being written; gone or renamed at its end
    damaged/                nodes that were changed after they were written, until `gc` removes them
    locks/                  one lock per node in work, one per running sweep
    failed/abcd....json     the last failure of a node
    hashes.json             SHA-256 of data files by path, size, times and inode
    labels.json             what plans found in data and tokenizers: labels, counts, lengths, forms

A node is finished exactly when its folder under `nodes/` is there and whole: it is filled elsewhere and renamed, and
whoever reads it holds it to its own key and to the hashes of its files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from layover.disk import full
from layover.errors import LostNodeError, StoreError
from layover.identity import file_sha256, key_of
from layover.store.damaged import Damaged
from layover.store.files import DIGEST, folder_bytes, is_sealed, read_json, sealed, write_json
from layover.store.hashes import HASHES, FileHashes
from layover.store.look import DONE, Look, contents, is_key, look_at, read_done
from layover.store.memory import LABELS, Memory
from layover.store.state import State, unsettled_seconds

SCHEMA = 1
MARKER = "store.json"


class Store:
    """A folder of finished nodes.

    Args:
        root: The folder; made when it is absent.

    Raises:
        StoreError: the folder holds something else, or a store of another schema.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.damaged = Damaged(root / "damaged")
        self._looks: dict[str, tuple[Mapping[str, State], bool, Look]] = {}
        marker = root / MARKER
        if marker.is_file():
            _check_marker(marker)
        elif root.exists() and not _may_become_store(root):
            lost = f"; if it is a store that lost its {MARKER}, {_MEND}" if (root / "nodes").is_dir() else ""
            raise StoreError(f"{root} is neither empty nor a store; name another folder with --store{lost}")
        else:
            try:
                root.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"{root}: cannot be made: {error.strerror}; name another folder with --store"
                ) from None
            write_json(marker, {"layover_store": SCHEMA})
        for part in ("nodes", "work", "locks", "failed", "logs"):
            (root / part).mkdir(exist_ok=True)

    @cached_property
    def hashes(self) -> FileHashes:
        """The hashes of data files that are remembered here."""
        return FileHashes(self.root / HASHES)

    def forget(self, files: Iterable[Path]) -> None:
        """Forget the hashes of files that turned out to be others, so that the next run reads them."""
        self.hashes.forget(files)
        self.hashes.save()

    @contextmanager
    def remembered(self) -> Iterator[Memory]:
        """Yield what plans remember of data and tokenizers, and write it when it was changed."""
        memory = Memory(self.root / LABELS)
        yield memory
        memory.save()

    # what is there

    def survey(self) -> dict[str, Look]:
        """Return what a look at every node finds, by key: whole, or damaged and why."""
        shards = [shard for shard in os.scandir(self.root / "nodes") if shard.is_dir()]
        listed = [(shard.name, entry.name) for shard in shards for entry in os.scandir(shard.path)]
        keys = [name for shard, name in listed if is_key(name) and name.startswith(shard)]
        looks = ((key, self.look(key)) for key in keys)
        return {key: look for key, look in looks if look is not None}

    def finished(self) -> set[str]:
        """Return the keys of all finished nodes."""
        return {key for key, look in self.survey().items() if look.damage is None}

    def has(self, key: str) -> bool:
        """Tell whether a node is finished."""
        look = self.look(key)
        return look is not None and look.damage is None

    def look(self, key: str, *, thorough: bool = False) -> Look | None:
        """Return what a look at a node finds, None when it is not there; taken anew when a file of it has changed.

        Args:
            key: Of the node.
            thorough: Whether large files are compared with their hashes, too; once in each process.
        """
        place, noted = self._place(key), self.damaged.holds(key)
        try:
            there = contents(place)
        except OSError as error:
            if not os.path.lexists(place):
                return None
            return Look(f"its folder cannot be read: {error.strerror}")
        known = self._looks.get(key)
        if known is not None and known[0] == there and (known[1] or not (thorough or noted)):
            found = known[2]
        else:
            newest = max(there.values(), key=lambda state: state.changed, default=None)
            settled = newest is not None and not unsettled_seconds(newest, place)
            found = look_at(place, key, there, thorough=thorough or noted)
            if settled:
                self._looks[key] = (there, thorough or noted, found)
        if noted and found.damage is None:
            self.damaged.clear(key)
        return found

    def path(self, key: str) -> Path:
        """Return the folder of a finished node, held to its key and to the hashes of all its files.

        Raises:
            LostNodeError: the node is not there, or it is not as it was written.
        """
        look = self.look(key, thorough=True)
        if look is None or look.damage is not None:
            raise self._lost(key, look)
        return self._place(key)

    def read(self, key: str, name: str) -> dict[str, Any]:
        """Return what a JSON file of a finished node holds; its other files are not read.

        Raises:
            LostNodeError: the node is not there, or it is not as it was written.
        """
        look = self.look(key)
        if look is None or look.damage is not None:
            raise self._lost(key, look)
        return read_json(self._place(key) / name)

    def done(self, key: str) -> dict[str, Any]:
        """Return a finished node's `done.json`: kind, identity, needs, files, seconds.

        Raises:
            LostNodeError: the node is not there, or this is not as it was written.
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
        mended = "`layover run` sets it aside and computes it again"
        return LostNodeError(key, f"node {key[:12]} is damaged ({look.damage}); {mended}")

    def work(self, key: str) -> Path:
        """Return the folder in which a node may leave what lets it go on after a kill."""
        return self.root / "work" / key

    def _place(self, key: str) -> Path:
        return self.root / "nodes" / key[:2] / key

    # changing it

    @contextmanager
    def writing(self, kind: str, identity: Mapping[str, Any], needs: tuple[str, ...]) -> Iterator[Path]:
        """Yield a temporary folder to fill; commit it as the node of `identity` when the block ends well.

        The files are hashed into `done.json`, which is written last; then the folder is renamed. If another
        process committed the same node meanwhile, its result stays and this one is dropped: same key, same result.
        """
        key = key_of(identity)
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
        with suppress(OSError):
            (self.root / "failed" / f"{key}.json").unlink()

    def _commit(self, folder: Path, key: str) -> None:
        place = self._place(key)
        self.set_aside(key)  # a damaged one that lies in the way
        if os.path.lexists(place.parent) and not place.parent.is_dir():
            self.damaged.take(place.parent, place.parent.name, "it lies where a folder of nodes has to be")
        place.parent.mkdir(exist_ok=True)
        try:
            folder.rename(place)
        except OSError:
            if not self.has(key):
                raise
        self.damaged.clear(key)

    def set_aside(self, key: str) -> str | None:
        """Move a damaged node to the folder `damaged`; return why it is one, None when there is none.

        Raises:
            StoreError: it cannot be moved.
        """
        look = self.look(key)
        if look is None or look.damage is None:
            return None
        self._looks.pop(key, None)
        return look.damage if self.damaged.take(self._place(key), key, look.damage) else None

    def size_of(self, key: str) -> int:
        """Return the bytes that a node holds."""
        return folder_bytes(self._place(key))

    def remove(self, key: str) -> int:
        """Remove a node, finished or damaged; return the bytes it held."""
        place = self._place(key)
        size = folder_bytes(place)
        gone = self.root / "work" / f"tmp-gone-{key[:12]}-{os.getpid()}"
        place.rename(gone)  # first out of sight, so that a kill leaves no half node
        _remove(gone)
        self._looks.pop(key, None)
        return size

    def fail(self, key: str, failure: Mapping[str, Any]) -> None:
        """Keep the reason why a node failed, for `status`: `node`, `error`, `traceback`; not on a disk without room."""
        try:
            write_json(self.root / "failed" / f"{key}.json", sealed(failure))
        except OSError as error:
            if full(error) is None:
                raise

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return why a node failed last, or None; where the note is damaged, it says that."""
        file = self.root / "failed" / f"{key}.json"
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

    def failures(self) -> set[str]:
        """Return the keys of the nodes whose last attempt failed."""
        return {file.stem for file in (self.root / "failed").glob("*.json")}

    def sweep_up(self, *, keep: Collection[str] = (), remove: bool) -> int:
        """Return the bytes of what killed runs left behind, of damaged nodes, and of logs; remove them when asked to.

        Checkpoints of the nodes in `keep` stay.
        """
        size = 0
        folders = [self.root / "work", self.root / "logs", self.damaged.folder]
        for place in [place for folder in folders if folder.is_dir() for place in folder.iterdir()]:
            if place.name in keep and place.parent.name == "work":
                continue
            size += folder_bytes(place)
            if remove:
                _remove(place)
        return size

    # locks: held by the operating system, so a killed process holds none

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Yield True while this process alone may work on `key`; False when another one does."""
        lock = FileLock(self.root / "locks" / f"{key}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Mark a running sweep, so that `gc` keeps away."""
        lock = FileLock(self.root / "locks" / f"sweep-{os.getpid()}.lock")
        with lock:
            yield
        Path(lock.lock_file).unlink(missing_ok=True)

    def sweeps_running(self) -> int:
        """Count the sweeps that run on this store now."""
        count = 0
        for file in (self.root / "locks").glob("sweep-*.lock"):
            try:
                with FileLock(file, timeout=0):
                    file.unlink(missing_ok=True)  # its process was killed
            except Timeout:
                count += 1
        return count


_MEND = f'write {{"layover_store": {SCHEMA}}} into that file'


def _check_marker(marker: Path) -> None:
    """Refuse a folder that is another program's, or a store of another schema.

    Raises:
        StoreError: it is one, or what it says of itself is damaged.
    """
    try:
        found = read_json(marker)
    except StoreError as error:
        raise StoreError(f"{error}; if the folder is a store of Layover, {_MEND}") from None
    schema = found.get("layover_store")
    if type(schema) is not int or schema != SCHEMA:
        raise StoreError(f"{marker}: not a store of schema {SCHEMA}: {found}; if it is damaged, {_MEND}")


def _may_become_store(root: Path) -> bool:
    """Tell whether a path is an empty folder, or one that another process is making into a store right now."""
    return root.is_dir() and all(entry.name.startswith((".store.json", MARKER)) for entry in root.iterdir())


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()
