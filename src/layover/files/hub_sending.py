"""Upload of files to a repository of the hub, in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layover.errors import printable
from layover.files.hub import asking
from layover.files.hub_patience import patiently


def send(
    repository: str,
    folder: Path,
    names: Sequence[str],
    *,
    stale: Sequence[str],
    private: bool,
    revision: str | None,
    message: str,
) -> str:
    """Upload files of a folder to a repository as one commit, and return the address of the commit.

    The repository is created if it does not exist.

    Args:
        repository: `org/name`.
        folder: The folder of the files.
        names: The files to upload; no other file is sent.
        stale: Files that the same commit removes from the repository, if they exist.
        private: Whether a new repository is private.
        revision: A branch, created if it does not exist; None for the main branch.
        message: The message of the commit.

    Raises:
        HubError: the hub cannot be reached, or refuses.
    """
    with asking(repository, repository):
        from huggingface_hub import HfApi

        hub, hidden = HfApi(), True if private else None
        patiently(lambda: hub.create_repo(repository, repo_type="model", private=hidden, exist_ok=True))
        if revision is not None:
            patiently(lambda: hub.create_branch(repository, branch=revision, repo_type="model", exist_ok=True))
        sent = patiently(
            lambda: hub.upload_folder(
                repo_id=repository,
                repo_type="model",
                folder_path=folder,
                allow_patterns=list(names),
                delete_patterns=list(stale),
                revision=revision,
                commit_message=message,
            )
        )
    return printable(str(sent.commit_url))
