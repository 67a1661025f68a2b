"""The one client of the hub: the commit of a revision, what a repository holds, and its files, checked.

The token is its business: it is read where huggingface_hub keeps it, never asked for here, and taken out of whatever
an error says before anybody sees it.
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
"""How long the answer to a question may take; a file may take longer."""
LISTING_SECONDS = 20.0
"""The same of a list of all files with their sizes."""
_REACHED: set[str] = set()
"""Addresses of hubs that answered this process."""


@dataclass(frozen=True)
class Repository:
    """What the hub tells of a repository of a model at a revision."""

    id: str
    commit: str
    files: Mapping[str, int | None]
    """Name -> bytes, where the hub tells them."""


@contextmanager
def asking(where: str, repository: str, kind: Kind = "model") -> Iterator[None]:
    """Turn whatever goes wrong at the hub into one error of ours, without the token.

    Args:
        where: What is asked for; the error begins with it.
        repository: `org/name`.
        kind: Of the repository.

    Raises:
        HubError: the hub does not answer, or refuses.
    """
    try:
        yield
    except LayoverError:  # it is one of ours
        raise
    except Exception as error:  # noqa: BLE001  of whichever library the client uses; it may quote the request, token and all
        raise hub_error(where, error, repository, kind) from None


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
    where = f"{kind}s/{repository}@{revision}"
    return _commit_in(_info(where, repository, revision, kind, files=False), where)


def look(repository: str, revision: str) -> Repository:
    """Return what a repository of a model holds at a revision.

    Raises:
        HubError: it is not there, or cannot be reached.
    """
    where = f"{repository} at {revision}"
    info = _info(where, repository, revision, "model", files=True)
    return Repository(repository, _commit_in(info, where), {one.rfilename: one.size for one in info.siblings or ()})


def _info(where: str, repository: str, revision: str, kind: Kind, *, files: bool) -> Any:
    """Return what the hub tells of a repository at a revision; a class of huggingface_hub for each kind."""
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
    """Ask the hub for what a reader needs: a file, which a gated repository refuses, and the list of files.

    Raises:
        HubError: of the first that the hub does not give.
    """
    with asking(f"{kind}s/{repository}@{commit}", repository, kind):
        from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import EntryNotFoundError

        url = hf_hub_url(repository, "README.md", repo_type=kind, revision=commit)
        with suppress(EntryNotFoundError):  # a repository may lack this file
            get_hf_file_metadata(url, timeout=TIMEOUT_SECONDS)
        next(iter(HfApi().list_repo_tree(repository, repo_type=kind, revision=commit)), None)


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
    known = cached_file(repository, commit, name)
    if known is not None:
        return known != "none"
    where = f"{repository}@{commit[:12]}: {name}"
    _refuse_offline(where)
    with asking(where, repository):
        from huggingface_hub.errors import EntryNotFoundError

        try:
            _reach()
            _size(repository, commit, name)
        except EntryNotFoundError:
            return file_at(repository, commit, name) is not None  # the cache remembers the answer
    return True


def _refuse_offline(where: str) -> None:
    if offline():
        raise HubError(f"{where} is not in the local cache", f"{OFFLINE}; go online once", "offline")


def _size(repository: str, commit: str, name: str) -> int | None:
    """Return the bytes of a file of a model, where the hub tells them."""
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
        except LocalEntryNotFoundError as error:  # when nobody answers, or with an error of the server
            raise hub_error(f"{where} is not in the local cache", error, repository) from None
        except EntryNotFoundError:
            return None
    words = "is of an unknown size" if size is None else f"has {size} bytes"
    raise ModelError(f"{where} {words}; such a file has at most {most}")


def fetch(repository: Repository, names: Sequence[str], folder: Path) -> None:
    """Fetch files of a repository, as they are at its commit, into a folder.

    Args:
        repository: As `look` told of it.
        names: Those of the files; nothing else is fetched.
        folder: May be empty.

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
