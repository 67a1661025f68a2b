"""The local cache of the hub: what it has of a repository, and whether the bytes are those of the commit."""

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
"""Files of the cache that this process found to be what they should be: path, size, times and inode."""


def cached_commit(repository: str, revision: str, kind: Kind) -> str | None:
    """Return the commit that a branch or tag named when the local cache last heard of it; None where it never did."""
    from huggingface_hub.constants import HF_HUB_CACHE

    reference = Path(HF_HUB_CACHE) / f"{kind}s--{repository.replace('/', '--')}" / "refs" / revision
    if not reference.is_file():
        return None
    text = reference.read_text(encoding="utf-8").strip()
    return text if COMMIT.match(text) else None


def cached_file(repository: str, commit: str, name: str, kind: Kind = "model") -> Path | Literal["none"] | None:
    """Return a file of the local cache; `none` where the hub once said that there is none, None where nothing is known.

    Its bytes are not checked.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name, revision=commit, repo_type=kind)
    if isinstance(found, str):
        return Path(found)
    return None if found is None else "none"


def expected_hash(path: Path) -> str | None:
    """Return the hash that the hub names a cached file by; None where the cache keeps no link that says it.

    It is SHA-256 for large files (64 digits), and the hash of a blob in git for others (40 digits).
    """
    if not path.is_symlink():
        return None
    name = path.readlink().name  # not what that links to in turn: a store that several caches share has other names
    return name if _SHA256.match(name) or COMMIT.match(name) else None


def check(path: Path, where: str) -> None:
    """Refuse a file of the hub's cache whose bytes are not those of its commit; once per process for each file.

    A cache without links (Windows, `HF_HUB_DISABLE_SYMLINKS`) does not say which bytes they should be; a plan notes it.

    Raises:
        ModelError: the bytes are others.
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
            f"{where}: its bytes in the local cache are not those of the hub's commit; "
            f"remove {path.resolve()} and run again"
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
