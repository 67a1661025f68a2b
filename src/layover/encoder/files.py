"""The files of a checkpoint: config and safetensors weights, whole or in shards, in a directory or from the hub.

All files of a hub model come from one commit.
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
"""A file next to random weights, with their seed and SHA-256; other weights in their place do not match it."""


def config_file(source: str | Path, revision: str | None) -> Path:
    """Return the file of an encoder's config.

    Raises:
        ModelError: the file does not exist, or cannot be downloaded.
    """
    file = _file(source, revision, "config.json")
    if file is None:
        raise ModelError(f"{source}: config.json is missing")
    return file


def weight_files(source: str | Path, revision: str | None) -> list[Path]:
    """Return the files with an encoder's weights.

    Raises:
        ModelError: a file is missing, or cannot be downloaded.
    """
    whole = None if _only_shards(source, revision) else _file(source, revision, WEIGHTS)
    if whole is not None:
        return [whole]
    index = _file(source, revision, SHARDS)
    names = [] if index is None else shards_of(index)
    files = [file for name in names if (file := _file(source, revision, name)) is not None]
    if not files or len(files) < len(names):
        raise ModelError(f"{source}: {WEIGHTS} is missing, and {SHARDS} or one of its files is missing, too")
    return files


def is_random(source: str | Path) -> bool:
    """Return whether an encoder's weights are the random, untrained ones that `layover init-encoder` wrote."""
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
        raise ModelError(f"{source}: this is neither a directory nor a hub id (org/name)")
    return file_at(repository, _commit(repository, revision), name)


def _only_shards(source: str | Path, revision: str | None) -> bool:
    """Return whether the process is offline and the cache has the shards, but not the whole file.

    Only the hub reports that a file does not exist. A cache that was filled with all files at once has no record that
    the whole file does not exist.
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
