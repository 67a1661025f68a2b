"""The local cache of the hub: the files of a repository, and whether their bytes equal the commit."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

from layover.errors import ModelError
from layover.files.hub_errors import Kind

COMMIT = re.compile(r"^[0-9a-f]{40}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_CHECKED: set[tuple[str, int, int, int, int]] = set()
"""Files of the cache that this process has checked: path, size, times and inode."""


def cached_commit(repository: str, revision: str, kind: Kind) -> str | None:
    """Return the commit that a branch or tag named when the local cache last stored it, or None if it never did."""
    from huggingface_hub.constants import HF_HUB_CACHE

    reference = Path(HF_HUB_CACHE) / f"{kind}s--{repository.replace('/', '--')}" / "refs" / revision
    if not reference.is_file():
        return None
    text = reference.read_text(encoding="utf-8").strip()
    return text if COMMIT.match(text) else None


def cached_file(repository: str, commit: str, name: str, kind: Kind = "model") -> Path | Literal["none"] | None:
    """Return a file of the local cache, its bytes not checked.

    `none` if the hub once answered that the file does not exist; None if the cache has no answer.
    """
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(repository, name, revision=commit, repo_type=kind)
    if isinstance(cached, str):
        return Path(cached)
    return None if cached is None else "none"


def expected_hash(path: Path) -> str | None:
    """Return the hub's hash of a cached file, or None if the cache has no link that contains it.

    It is the SHA-256 of a large file (64 digits), and the hash of the git blob of other files (40 digits).
    """
    if not path.is_symlink():
        return None
    name = path.readlink().name  # follow one link only: in a store that several caches share, the next has other names
    return name if _SHA256.match(name) or COMMIT.match(name) else None


def check(path: Path, where: str) -> None:
    """Refuse a file of the hub's cache whose bytes differ from its commit; each file is checked once per process.

    A cache without links (Windows, `HF_HUB_DISABLE_SYMLINKS`) does not have the hash to compare; a plan notes it.

    Raises:
        ModelError: the bytes differ.
    """
    expected = expected_hash(path)
    if expected is None:
        return
    stat = path.stat()
    state = (str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if state in _CHECKED:
        return
    if _hash(path, expected) != expected:
        raise ModelError(
            f"{where}: its bytes in the local cache differ from the hub's commit; remove {path.resolve()} and run again"
        )
    _CHECKED.add(state)


def _hash(path: Path, like: str) -> str:
    with path.open("rb") as stream:
        if _SHA256.match(like):
            return hashlib.file_digest(stream, "sha256").hexdigest()
        blob = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
        while block := stream.read(1 << 20):
            blob.update(block)
        return blob.hexdigest()
