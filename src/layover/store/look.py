"""The check of a node's folder: whether it is undamaged, and matches its name.

`done.json` is sealed by a digest, its identity must hash to the name of the folder, and the folder must have exactly
the files that it lists. JSON files are always compared with their hashes, because they are small and reports read them.
All other files are compared only in a thorough check.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.identity import parsed_key
from layover.store.files import DIGEST, is_sealed, read_json
from layover.store.state import FileState, state_from

DONE = "done.json"
UNSEALED = frozenset({"kind", "key", "identity", "needs", "files", "seconds"})
"""The fields of `done.json` of Layover 0.1, which has no digest."""
UNSEALED_VERSIONS = {
    "tokenize": 3, "hidden_states": 1, "import": 1, "train": 3, "compose": 1, "gate": 1, "predict": 3, "score": 2
}  # fmt: skip
"""Step -> its newest version in Layover 0.1; a node of a later version has a digest."""


@dataclass(frozen=True)
class Look:
    """The result of a check."""

    damage: str | None
    """The reason why the node cannot be used; None if it is undamaged."""
    kind: str = ""
    version: int = 0
    """Version of the step that made it."""
    bytes: int = 0
    sealed: bool = True
    """False if an older Layover wrote it without a digest."""


NO_FILE = FileState(-1, 0, 0, 0)


class _Damage(Exception):  # noqa: N818  it never leaves this file
    """The description of a damage."""


def contents(place: Path) -> dict[str, FileState]:
    """Return path -> state of the files below a folder, without names that begin with a dot.

    A link has the state of its target; a broken link has the state `NO_FILE`.

    Raises:
        OSError: it is not a folder, or cannot be read.
    """
    states: dict[str, FileState] = {}
    folders, root = [""], str(place)
    while folders:
        prefix = folders.pop()
        with os.scandir(f"{root}/{prefix}") as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/")
                else:
                    states[name] = state_from(entry.stat()) if entry.is_file() else NO_FILE
    return states


def look_at(place: Path, key: str, states: Mapping[str, FileState], *, thorough: bool) -> Look:
    """Return the result of a check of a node's folder.

    Args:
        place: The folder.
        key: Its name, which must be the key of its node.
        states: Its `contents`.
        thorough: Whether all files are compared with their hashes.
    """
    size = sum(state.size for state in states.values())
    try:
        done = _done(place, key)
        _check_files(place, done["files"], states, thorough=thorough)
    except _Damage as damage:
        return Look(str(damage), bytes=size)
    except OSError as error:
        return Look(f"{error.filename or place}: {error.strerror}", bytes=size)
    version = done["identity"].get("version")
    return Look(None, done["kind"], version if isinstance(version, int) else 0, size, DIGEST in done)


def read_done(place: Path, key: str) -> dict[str, Any]:
    """Return the `done.json` of a node.

    Raises:
        StoreError: the file has changed since it was written, or is of another node.
    """
    try:
        return _done(place, key)
    except (_Damage, OSError) as damage:
        raise StoreError(str(damage)) from None


def _done(place: Path, key: str) -> dict[str, Any]:
    file = place / DONE
    if not file.is_file():
        raise _Damage(f"{DONE} is missing")
    try:
        done = read_json(file)
    except StoreError as error:
        raise _Damage(str(error).removeprefix(f"{place}/")) from None
    if not (is_sealed(done) or _is_unsealed(done)):
        raise _Damage(f"{DONE} was changed: it does not match its digest")
    identity, kind, files = done.get("identity"), done.get("kind"), done.get("files")
    if not isinstance(identity, dict) or not isinstance(files, dict) or not isinstance(kind, str):
        raise _Damage(f"{DONE} lacks kind, identity or files")
    if done.get("key") != key or _key(identity) != key or identity.get("node") != kind:
        raise _Damage(f"{DONE} is of another node: its identity does not hash to the name of the folder")
    return done


def _is_unsealed(done: Mapping[str, Any]) -> bool:
    """Return whether Layover 0.1 wrote this `done.json`."""
    identity = done.get("identity")
    version = identity.get("version") if isinstance(identity, dict) else None
    return set(done) == UNSEALED and isinstance(version, int) and version <= UNSEALED_VERSIONS.get(str(done["kind"]), 0)


def _key(identity: Mapping[str, Any]) -> str | None:
    try:
        return parsed_key(identity)
    except ValueError:
        return None


def _check_files(place: Path, files: Mapping[str, Any], states: Mapping[str, FileState], *, thorough: bool) -> None:
    for name, expected in files.items():
        if name not in states:
            raise _Damage(f"{name} is missing")
        if not isinstance(expected, dict) or states[name].size != expected.get("bytes"):
            raise _Damage(f"{name} has another size than when it was written")
    if unlisted := sorted(states.keys() - files.keys() - {DONE}):
        raise _Damage(f"{unlisted[0]} is not one of its files")
    root = str(place)  # pathlib would take most of the time
    for name, expected in files.items():
        if (thorough or name.endswith(".json")) and _sha256(f"{root}/{name}") != expected.get("sha256"):
            raise _Damage(f"{name} does not match its hash")


def _sha256(file: str) -> str:
    with open(file, "rb", buffering=0) as stream:  # noqa: PTH123
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_key(name: str) -> bool:
    """Return whether a name has the form of a key, the name of a node's folder."""
    return len(name) == 64 and not set(name) - set("0123456789abcdef")
