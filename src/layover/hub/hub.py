"""The hub: what a repository holds, fetched at a commit, and sent. `layover.files.hub` reads single files.

The token is its business: it is read where huggingface_hub keeps it, never asked for here, and taken out of whatever
an error says before anybody sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layover.errors import LayoverError, printable
from layover.files.hub import COMMIT
from layover.files.hub_errors import hub_error
from layover.files.hub_patience import patiently

TIMEOUT = 20.0
"""Seconds to wait for the answer to a question; a file may take longer."""


@dataclass(frozen=True)
class Repository:
    """What the hub tells of a repository at a revision."""

    id: str
    commit: str
    files: Mapping[str, int | None]
    """Name -> bytes, where the hub tells them."""


def look(id: str, revision: str) -> Repository:  # noqa: A002
    """Return what a repository of models holds at a revision.

    Raises:
        LayoverError: it is not there, or cannot be reached.
    """
    with _told(f"{id} at {revision}", id):
        from huggingface_hub import HfApi

        info: Any = patiently(  # one class for each kind of repository
            lambda: HfApi().repo_info(id, revision=revision, repo_type="model", files_metadata=True, timeout=TIMEOUT)
        )
    if info.sha is None or COMMIT.match(info.sha) is None:
        raise LayoverError(f"{id} at {revision}: the hub names no commit for it")
    return Repository(id, info.sha, {one.rfilename: one.size for one in info.siblings or ()})


def fetch(repository: Repository, names: Sequence[str], folder: Path) -> None:
    """Fetch files of a repository, as they are at its commit, into a folder.

    Args:
        repository: As `look` told of it.
        names: Those of the files; nothing else is fetched.
        folder: May be empty.

    Raises:
        LayoverError: the hub cannot be reached, or refuses.
    """
    with _told(f"{repository.id} at {repository.commit}", repository.id):
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


def send(
    id: str,  # noqa: A002
    folder: Path,
    names: Sequence[str],
    *,
    stale: Sequence[str],
    private: bool,
    revision: str | None,
    message: str,
) -> str:
    """Put files of a folder into a repository, which is made if it is not there, as one commit; return where it is.

    Args:
        id: `org/name`.
        folder: Of the files.
        names: What is sent; nothing else is.
        stale: Files that are removed there in the same commit, if they are there.
        private: Whether a new repository is private.
        revision: A branch, made if it is not there; None for the main one.
        message: Of the commit.

    Raises:
        LayoverError: the hub cannot be reached, or refuses.
    """
    with _told(id, id):
        from huggingface_hub import HfApi

        hub = HfApi()
        patiently(lambda: hub.create_repo(id, repo_type="model", private=True if private else None, exist_ok=True))
        if revision is not None:
            patiently(lambda: hub.create_branch(id, branch=revision, repo_type="model", exist_ok=True))
        sent = patiently(
            lambda: hub.upload_folder(
                repo_id=id,
                repo_type="model",
                folder_path=folder,
                allow_patterns=list(names),
                delete_patterns=list(stale),
                revision=revision,
                commit_message=message,
            )
        )
    return printable(str(sent.commit_url))


@contextmanager
def _told(what: str, id: str) -> Iterator[None]:  # noqa: A002
    """Turn whatever goes wrong at the hub into one error of ours, without the token."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever its client raises may quote the request, token and all
        raise hub_error(what, error, id) from None
