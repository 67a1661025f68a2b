"""The hub as it is read: the commit that a revision names, and files of a repository at a commit, checked."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Literal

from layover.errors import ModelError
from layover.files.hub_errors import OFFLINE, HubError, Kind, hub_error
from layover.files.hub_patience import patiently
from layover.files.hub_settings import endpoint

COMMIT = re.compile(r"^[0-9a-f]{40}$")
TIMEOUT_SECONDS = 5.0

_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_CHECKED: set[tuple[str, int, int, int, int]] = set()
"""Files of the cache that this process found to be what they should be: path, size, times and inode."""
_REACHED: set[str] = set()
"""Addresses of hubs that answered this process."""


def offline() -> bool:
    """Return whether the user keeps the clients of the hub from asking it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def answers() -> None:
    """Ask the hub for a sign of life.

    Raises:
        Exception: of whichever library the client uses; it does not answer.
    """
    from huggingface_hub import get_session

    get_session().head(endpoint(), timeout=TIMEOUT_SECONDS)


def _reach() -> None:
    """Ask for a sign of life before the first file: where nobody answers, the clients try for 23 s without a word.

    Raises:
        Exception: as `answers`, twice.
    """
    if endpoint() in _REACHED:
        return
    try:
        answers()
    except Exception:  # noqa: BLE001  of whichever library the client uses
        time.sleep(1.0)
        answers()
    _REACHED.add(endpoint())


def ask_commit(repository: str, revision: str, kind: Kind) -> str:
    """Return the commit that the hub names for a branch or tag.

    Raises:
        HubError: it does not answer, or has no such revision.
    """
    from huggingface_hub import HfApi

    def ask() -> str | None:
        return HfApi().repo_info(repository, revision=revision, repo_type=kind, timeout=TIMEOUT_SECONDS).sha

    where = f"{kind}s/{repository}@{revision}"
    try:
        found = patiently(ask)
    except Exception as error:  # noqa: BLE001  of whichever library the client uses; see `hub_errors`
        raise hub_error(where, error, repository, kind) from None
    if found is None or not COMMIT.match(found):
        raise HubError(where, "the hub names no commit for it", "other")
    return found


def cached_commit(repository: str, revision: str, kind: Kind) -> str | None:
    """Return the commit that a branch or tag named when the local cache last heard of it; None where it never did."""
    from huggingface_hub.constants import HF_HUB_CACHE

    reference = Path(HF_HUB_CACHE) / f"{kind}s--{repository.replace('/', '--')}" / "refs" / revision
    if not reference.is_file():
        return None
    text = reference.read_text(encoding="utf-8").strip()
    return text if COMMIT.match(text) else None


def commit_of(repository: str, revision: str | None) -> str:
    """Return the commit of a model's revision: what the hub says, or the local cache where nobody answers.

    Args:
        repository: `org/name`.
        revision: Branch, tag or commit; None for the main branch.

    Raises:
        HubError: neither knows it.
    """
    wanted = revision or "main"
    if COMMIT.match(wanted):
        return wanted
    try:
        return ask_commit(repository, wanted, "model")
    except HubError as error:
        found = None if error.answered else cached_commit(repository, wanted, "model")
        if found is None:
            raise
        return found


def cached_file(repository: str, commit: str, name: str, kind: Kind = "model") -> Path | Literal["none"] | None:
    """Return a file of the local cache; `none` where the hub once said that there is none, None where nothing is known.

    Its bytes are not checked.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name, revision=commit, repo_type=kind)
    if isinstance(found, str):
        return Path(found)
    return None if found is None else "none"


def file_at(repository: str, commit: str, name: str, *, most: int | None = None) -> Path | None:
    """Return a file of a model at a commit, its bytes checked; fetched where the local cache does not have it.

    None only where the hub has said that the commit has no such file: a file that cannot be had is never taken for one
    that is not there, because another would be read in its place.

    Args:
        repository: `org/name`.
        commit: All 40 digits.
        name: Path of the file in the repository.
        most: Bytes that it may have; asked for before it is fetched.

    Raises:
        HubError: it is not here, and cannot be had.
        ModelError: it is too large, or its bytes are not those of the commit.
    """
    found = cached_file(repository, commit, name)
    if found == "none":
        return None
    where = f"{repository}@{commit[:12]}: {name}"
    path = _fetched(repository, commit, name, where, most) if found is None else found
    if path is not None:
        check(path, where)
    return path


def exists(repository: str, commit: str, name: str) -> bool:
    """Return whether a commit of a model has a file, without fetching it.

    Raises:
        HubError: neither the local cache nor the hub tells.
    """
    found = cached_file(repository, commit, name)
    if found is not None:
        return found != "none"
    if offline():
        raise HubError(
            f"{repository}@{commit[:12]}: {name} is not in the local cache", f"{OFFLINE}; go online once", "offline"
        )
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    try:
        _reach()
        patiently(lambda: get_hf_file_metadata(hf_hub_url(repository, name, revision=commit), timeout=TIMEOUT_SECONDS))
    except EntryNotFoundError:
        return file_at(repository, commit, name) is not None  # the cache remembers the answer
    except Exception as error:  # noqa: BLE001  of whichever library the client uses; see `hub_errors`
        raise hub_error(f"{repository}@{commit[:12]}: {name}", error, repository) from None
    return True


def _fetched(repository: str, commit: str, name: str, where: str, most: int | None) -> Path | None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if offline():
        raise HubError(f"{where} is not in the local cache", f"{OFFLINE}; go online once", "offline")

    def size() -> int | None:
        return get_hf_file_metadata(hf_hub_url(repository, name, revision=commit), timeout=TIMEOUT_SECONDS).size

    def download() -> str:
        return hf_hub_download(repository, name, revision=commit, etag_timeout=TIMEOUT_SECONDS)

    try:
        _reach()
        bytes_ = 0 if most is None else patiently(size)
        if most is None or (bytes_ is not None and bytes_ <= most):
            return Path(patiently(download))
    except LocalEntryNotFoundError as error:  # what the client says when nobody answers, or with an error of the server
        raise hub_error(f"{where} is not in the local cache", error, repository) from None
    except EntryNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001  of whichever library the client uses; see `hub_errors`
        raise hub_error(where, error, repository) from None
    told = "is of an unknown size" if bytes_ is None else f"has {bytes_} bytes"
    raise ModelError(f"{where} {told}; such a file has at most {most}")


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
