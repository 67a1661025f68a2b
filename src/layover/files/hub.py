"""The client of the hub: the commit of a revision, the files of a repository, and their content, checked.

The client reads the token where huggingface_hub keeps it. Layover never asks the user for a token, and removes it from
every error message.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layover.errors import LayoverError, ModelError
from layover.files.hub_cache import COMMIT, cached_commit, cached_file, check
from layover.files.hub_errors import OFFLINE, HubError, Kind, hub_error
from layover.files.hub_patience import patiently
from layover.files.hub_settings import endpoint, offline

TIMEOUT_SECONDS = 5.0
"""The limit for the answer to a request; a file may take longer."""
LISTING_SECONDS = 20.0
"""The same for a list of all files with their sizes."""
_REACHED: set[str] = set()
"""Addresses of hubs that answered this process."""


@dataclass(frozen=True)
class Repository:
    """The commit and the files of a model's repository at a revision, as the hub reports them."""

    id: str
    commit: str
    files: Mapping[str, int | None]
    """Name -> bytes, or None if the hub does not report them."""


@contextmanager
def asking(where: str, repository: str, kind: Kind = "model") -> Iterator[None]:
    """Turn every error of the hub's client into a `HubError` without the token.

    Args:
        where: The requested item; the message begins with it.
        repository: `org/name`.
        kind: The kind of the repository.

    Raises:
        HubError: the hub does not answer, or refuses.
    """
    try:
        yield
    except LayoverError:
        raise
    except Exception as error:  # noqa: BLE001  any class of any HTTP library; the text may contain the request and the token
        raise hub_error(where, error, repository, kind) from None


def answers() -> None:
    """Check that the hub answers.

    Raises:
        Exception: the hub does not answer; the class depends on the HTTP library of the client.
    """
    from huggingface_hub import get_session

    get_session().head(endpoint(), timeout=TIMEOUT_SECONDS)


def _reach() -> None:
    """Check once that the hub answers, before the first file; without an answer the clients try for 23 s silently.

    Raises:
        Exception: the hub did not answer twice; see `answers`.
    """
    if endpoint() in _REACHED:
        return
    try:
        answers()
    except Exception:  # noqa: BLE001  the class depends on the HTTP library of the client
        time.sleep(1.0)
        answers()
    _REACHED.add(endpoint())


def ask_commit(repository: str, revision: str, kind: Kind) -> str:
    """Return the commit that the hub names for a branch or tag.

    Raises:
        HubError: the hub does not answer, or does not have the revision.
    """
    where = f"{kind}s/{repository}@{revision}"
    return _commit_in(_info(where, repository, revision, kind, files=False), where)


def look(repository: str, revision: str) -> Repository:
    """Return the commit and the files of a model's repository at a revision.

    Raises:
        HubError: the repository does not exist, or the hub cannot be reached.
    """
    where = f"{repository} at {revision}"
    info = _info(where, repository, revision, "model", files=True)
    return Repository(repository, _commit_in(info, where), {file.rfilename: file.size for file in info.siblings or ()})


def _info(where: str, repository: str, revision: str, kind: Kind, *, files: bool) -> Any:
    """Return the hub's description of a repository at a revision; huggingface_hub has a class for each kind."""
    with asking(where, repository, kind):
        from huggingface_hub import HfApi

        seconds = LISTING_SECONDS if files else TIMEOUT_SECONDS
        return patiently(
            lambda: HfApi().repo_info(
                repository, revision=revision, repo_type=kind, files_metadata=files, timeout=seconds
            )
        )


def _commit_in(info: Any, where: str) -> str:
    if info.sha is None or COMMIT.match(info.sha) is None:
        raise HubError(where, "the hub names no commit for it", "other")
    return str(info.sha)


def ask_readable(repository: str, commit: str, kind: Kind) -> None:
    """Check that a repository can be read: its list of files, and a file, which a gated repository refuses.

    Raises:
        HubError: the hub refuses the file or the list.
    """
    with asking(f"{kind}s/{repository}@{commit}", repository, kind):
        from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import EntryNotFoundError

        url = hf_hub_url(repository, "README.md", repo_type=kind, revision=commit)
        with suppress(EntryNotFoundError):  # a repository may lack this file
            get_hf_file_metadata(url, timeout=TIMEOUT_SECONDS)
        next(iter(HfApi().list_repo_tree(repository, repo_type=kind, revision=commit)), None)


def commit_of(repository: str, revision: str | None) -> str:
    """Return the commit of a model's revision from the hub, or from the local cache if the hub does not answer.

    Args:
        repository: `org/name`.
        revision: Branch, tag or commit; None for the main branch.

    Raises:
        HubError: neither the hub nor the cache has the revision.
    """
    wanted = revision or "main"
    if COMMIT.match(wanted):
        return wanted
    try:
        return ask_commit(repository, wanted, "model")
    except HubError as error:
        commit = None if error.answered else cached_commit(repository, wanted, "model")
        if commit is None:
            raise
        return commit


def file_at(repository: str, commit: str, name: str, *, most: int | None = None) -> Path | None:
    """Return a file of a model at a commit, its bytes checked; it is fetched if the local cache does not have it.

    None only if the hub has answered that the commit does not have the file. A file that cannot be fetched is an
    error: otherwise another file would be read in its place.

    Args:
        repository: `org/name`.
        commit: All 40 digits.
        name: Path of the file in the repository.
        most: The most bytes that it may have; the size is checked before it is fetched.

    Raises:
        HubError: the file is not in the cache, and cannot be fetched.
        ModelError: the file is too large, or its bytes differ from the commit.
    """
    cached = cached_file(repository, commit, name)
    if cached == "none":
        return None
    where = f"{repository}@{commit[:12]}: {name}"
    path = _fetched(repository, commit, name, where, most) if cached is None else cached
    if path is not None:
        check(path, where)
    return path


def exists(repository: str, commit: str, name: str) -> bool:
    """Return whether a commit of a model has a file, without fetching it.

    Raises:
        HubError: the local cache does not have the answer, and the hub does not answer.
    """
    cached = cached_file(repository, commit, name)
    if cached is not None:
        return cached != "none"
    where = f"{repository}@{commit[:12]}: {name}"
    _refuse_offline(where)
    with asking(where, repository):
        from huggingface_hub.errors import EntryNotFoundError

        try:
            _reach()
            _size(repository, commit, name)
        except EntryNotFoundError:
            return file_at(repository, commit, name) is not None  # the cache keeps the answer
    return True


def _refuse_offline(where: str) -> None:
    if offline():
        raise HubError(f"{where} is not in the local cache", f"{OFFLINE}; run once online", "offline")


def _size(repository: str, commit: str, name: str) -> int | None:
    """Return the number of bytes of a model's file, or None if the hub does not report it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repository, name, revision=commit)
    return patiently(lambda: get_hf_file_metadata(url, timeout=TIMEOUT_SECONDS).size)


def _fetched(repository: str, commit: str, name: str, where: str, most: int | None) -> Path | None:
    _refuse_offline(where)
    with asking(where, repository):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            _reach()
            size = 0 if most is None else _size(repository, commit, name)
            if most is None or (size is not None and size <= most):
                return Path(
                    patiently(lambda: hf_hub_download(repository, name, revision=commit, etag_timeout=TIMEOUT_SECONDS))
                )
        except LocalEntryNotFoundError as error:  # the hub does not answer, or has an error of its own
            raise hub_error(f"{where} is not in the local cache", error, repository) from None
        except EntryNotFoundError:
            return None
    words = "has an unknown size" if size is None else f"has {size} bytes"
    raise ModelError(f"{where} {words}; the limit for this file is {most}")


def fetch(repository: Repository, names: Sequence[str], folder: Path) -> None:
    """Fetch files of a repository at its commit into a folder.

    Args:
        repository: The result of `look`.
        names: The names of the files; no other file is fetched.
        folder: The target; it may be empty.

    Raises:
        HubError: the hub cannot be reached, or refuses.
    """
    with asking(f"{repository.id} at {repository.commit}", repository.id):
        from huggingface_hub import snapshot_download

        patiently(
            lambda: snapshot_download(
                repository.id,
                repo_type="model",
                revision=repository.commit,
                local_dir=folder,
                allow_patterns=list(names),
            )
        )
