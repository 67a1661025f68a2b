"""The files of a checkpoint: config and safetensors weights, whole or in shards, in a directory or from the hub.

Those of a hub model all come from one commit.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from layover.errors import ModelError
from layover.files.checkpoints import SHARDS, WEIGHTS, shards_of
from layover.files.hub import commit_of, file_at
from layover.files.hub_cache import cached_file
from layover.files.hub_settings import offline
from layover.identity import file_sha256

RANDOM = "random.json"
"""Beside weights that were drawn at random: their seed and SHA-256, so that other weights in their place are none."""


def config_file(source: str | Path, revision: str | None) -> Path:
    """Return the file of an encoder's config.

    Raises:
        ModelError: there is none, or it cannot be had.
    """
    found = _file(source, revision, "config.json")
    if found is None:
        raise ModelError(f"{source}: no config.json")
    return found


def weight_files(source: str | Path, revision: str | None) -> list[Path]:
    """Return the files that hold an encoder's weights.

    Raises:
        ModelError: there are none, or not all of them, or they cannot be had.
    """
    whole = None if _only_shards(source, revision) else _file(source, revision, WEIGHTS)
    if whole is not None:
        return [whole]
    index = _file(source, revision, SHARDS)
    names = [] if index is None else shards_of(index)
    files = [file for name in names if (file := _file(source, revision, name)) is not None]
    if not files or len(files) < len(names):
        raise ModelError(f"{source}: neither {WEIGHTS} nor all files that {SHARDS} names")
    return files


def is_random(source: str | Path) -> bool:
    """Return whether an encoder's weights are the ones that `layover init-encoder` drew, still untrained."""
    mark, weights = Path(source) / RANDOM, Path(source) / WEIGHTS
    if not mark.is_file() or not weights.is_file():
        return False
    return bool(json.loads(mark.read_text(encoding="utf-8"))["weights_sha256"] == file_sha256(weights))


def _file(source: str | Path, revision: str | None, name: str) -> Path | None:
    folder = Path(source)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    repository = str(source)
    if repository.count("/") != 1 or repository.startswith((".", "/", "~")):
        raise ModelError(f"{source}: neither a directory nor a hub id (org/name)")
    return file_at(repository, _commit(repository, revision), name)


def _only_shards(source: str | Path, revision: str | None) -> bool:
    """Return whether nobody can be asked for the whole file, and the cache has shards: whoever filled it had no other.

    Only the hub tells that a file is not there, and a cache that was filled with all files at once was not told.
    """
    if Path(source).is_dir() or not offline():
        return False
    repository = str(source)
    commit = _commit(repository, revision)
    known, index = (cached_file(repository, commit, name) for name in (WEIGHTS, SHARDS))
    return known is None and isinstance(index, Path)


@lru_cache(maxsize=8)
def _commit(repository: str, revision: str | None) -> str:
    """Return the commit of a revision, the same for all files that a process reads."""
    return commit_of(repository, revision)
