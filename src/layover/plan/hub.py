"""The hub as a plan asks it: the commit that a branch or tag names now, without which no key is final; files."""

from __future__ import annotations

from pathlib import Path

from layover import hub_files
from layover.hub_files import COMMIT, HubError, Kind
from layover.store import Memory


class Revisions:
    """Resolves revisions; after a first failure to reach the hub it asks no more, and uses what it knows.

    Args:
        memory: Of the commits that the hub reported to earlier plans, so that a run or a report works offline, too.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self.offline = hub_files.offline()
        self.unresolved: list[str] = []
        """`datasets/org/name@main` for each revision that could not be resolved, with what else is to be said."""
        self.notes: list[str] = []
        """Revisions whose commit is an earlier plan's or the local cache's, because the hub did not report it."""
        self._known: dict[tuple[str, str, Kind], str | None] = {}

    def commit(self, repository: str, revision: str, kind: Kind) -> str | None:
        """Return the commit of `revision`, or None when neither the hub nor the cache knows it.

        Args:
            repository: `org/name`.
            revision: Branch, tag or commit.
            kind: `model` or `dataset`.
        """
        if COMMIT.match(revision):
            return revision
        name = (repository, revision, kind)
        if name not in self._known:
            self._known[name] = self._resolve(*name)
            if self._known[name] is None:
                # a model is looked for on the hub only where there is no folder of its name
                local = "; there is no folder of that name here" if kind == "model" else ""
                self.unresolved.append(f"{kind}s/{repository}@{revision}{local}")
        return self._known[name]

    def file(self, repository: str, commit: str, name: str, most: int) -> Path | None:
        """Return a file of a model's repository, downloaded where the cache does not have it; None where there is none.

        None, too, if the hub cannot be asked; `offline` distinguishes the two.

        Args:
            repository: `org/name`.
            commit: Of the repository.
            name: Path of the file in it.
            most: Bytes that it may have; asked for before it is downloaded.

        Raises:
            ModelError: the hub does not let it be read, it is too large, or its bytes are not those of the commit.
        """
        if self.offline and hub_files.cached_file(repository, commit, name) is None:
            return None
        try:
            return hub_files.file_at(repository, commit, name, most=most)
        except HubError as error:
            if error.answered:
                raise
            self.offline = True
            return None

    def has(self, repository: str, commit: str, name: str) -> bool | None:
        """Return whether a model's repository has a file at a commit; None if the hub cannot be asked."""
        found = hub_files.cached_file(repository, commit, name)
        if found is not None:
            return found != "none"
        if self.offline:
            return None
        try:
            return hub_files.exists(repository, commit, name)
        except HubError as error:
            self.offline = self.offline or not error.answered
            return None

    def _resolve(self, repository: str, revision: str, kind: Kind) -> str | None:
        name = f"{kind}s/{repository}@{revision}"
        remembered = self._memory.get(name)
        known = remembered if isinstance(remembered, str) and COMMIT.match(remembered) else None
        known = known or hub_files.cached_commit(repository, revision, kind)
        if self.offline:
            return known
        try:
            commit = hub_files.ask_commit(repository, revision, kind)
        except HubError as error:
            self.offline = not error.answered
            if known is not None:
                self.notes.append(
                    f"{name}: the hub did not report its commit ({error}); the last known one is used: {known}"
                )
            return known  # without one it stays unresolved, which `plan` shows and `run` refuses
        if commit is not None and commit != remembered:
            self._memory.put(name, commit)
        return commit
