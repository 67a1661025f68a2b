"""The hub for a plan: the current commit of a branch or tag, which final keys need; and files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from layover.files import hub as hub_files
from layover.files.hub_cache import COMMIT, cached_commit, cached_file
from layover.files.hub_errors import OFFLINE, HubError, Kind
from layover.files.hub_settings import offline
from layover.store import Memory


@dataclass(frozen=True, order=True)
class Unresolved:
    """A revision whose commit is not known."""

    name: str
    """`datasets/org/name@main`."""
    why: str
    """The answer of the hub, or why it cannot be queried."""
    silent: bool
    """Whether the hub cannot be queried at all."""

    def __str__(self) -> str:
        return self.name


class Revisions:
    """Resolves revisions; after a first failure to reach the hub, it uses only the memory and the local cache.

    Args:
        memory: The commits that the hub reported to earlier plans; with them a run or a report also works offline.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self.offline = offline()
        self.why = OFFLINE
        """Why the hub is not queried, if it is not."""
        self.unresolved: list[Unresolved] = []
        self.notes: list[str] = []
        """Warnings about the cache, for the reader of a plan."""
        self._assumed: dict[str, list[str]] = {}
        """Why the hub did not report commits -> the revisions whose last known commits are used."""
        self._known: dict[tuple[str, str, Kind], str | None] = {}

    def commit(self, repository: str, revision: str, kind: Kind) -> str | None:
        """Return the commit of `revision`, or None if neither the hub nor the cache has it.

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
        return self._known[name]

    def file(self, repository: str, commit: str, name: str, most: int) -> Path | None:
        """Return a file of a model's repository, downloaded if the cache does not have it; None if absent.

        Also None if the hub cannot be queried; `offline` distinguishes the two.

        Args:
            repository: `org/name`.
            commit: Of the repository.
            name: Path of the file in it.
            most: Largest size in bytes, checked before the download.

        Raises:
            ModelError: the hub denies access, the file is too large, or its bytes are not those of the commit.
        """
        if self.offline and cached_file(repository, commit, name) is None:
            return None
        try:
            return hub_files.file_at(repository, commit, name, most=most)
        except HubError as error:
            if error.answered:
                raise
            self._stop_queries(error)
            return None

    def has(self, repository: str, commit: str, name: str) -> bool | None:
        """Return whether a model's repository has a file at a commit; None if the hub cannot be queried."""
        file = cached_file(repository, commit, name)
        if file is not None:
            return file != "none"
        if self.offline:
            return None
        try:
            return hub_files.exists(repository, commit, name)
        except HubError as error:
            self._stop_queries(error)
            return None

    def messages(self) -> list[str]:
        """Return the notes, and the revisions whose commits come from an earlier plan or from the local cache."""
        assumed = [
            f"{why}; the last known commits are used: {', '.join(names)}" for why, names in self._assumed.items()
        ]
        return [*self.notes, *assumed]

    def _stop_queries(self, error: HubError) -> None:
        if not error.answered and not self.offline:
            self.offline, self.why = True, error.words

    def _resolve(self, repository: str, revision: str, kind: Kind) -> str | None:
        name = f"{kind}s/{repository}@{revision}"
        remembered = self._memory.get(name)
        known = remembered if isinstance(remembered, str) and COMMIT.match(remembered) else None
        known = known or cached_commit(repository, revision, kind)
        why = self.why
        if not self.offline:
            try:
                commit = hub_files.ask_commit(repository, revision, kind)
            except HubError as error:
                self._stop_queries(error)
                why = error.words
            else:
                if commit != remembered:
                    self._memory.put(name, commit)
                return commit
        if known is None:  # it stays unresolved: `plan` shows it, the other verbs refuse it
            self.unresolved.append(Unresolved(name, why, silent=self.offline))
        elif why != OFFLINE:  # a user who stays offline knows it
            self._assumed.setdefault(why, []).append(f"{name} is {known}")
        return known


def unresolved_message(unresolved: Iterable[Unresolved]) -> str:
    """Return a line that lists the unresolved revisions, the reasons, and the remedy."""
    by_reason: dict[tuple[str, bool], list[str]] = {}
    for revision in dict.fromkeys(unresolved):
        by_reason.setdefault((revision.why, revision.silent), []).append(revision.name)
    lines = []
    for (why, silent), names in by_reason.items():
        listed = ", ".join(names)
        if not silent:
            lines.append(f"{listed}: {why}")
            continue
        local = "a directory" if all(name.startswith("models/") for name in names) else "official files (data_root)"
        remedy = f"go online once, name a commit as `revision`, or use {local}"
        lines.append(f"{why}; neither the store nor the local cache knows the commit of {listed}: {remedy}")
    return "; ".join(lines)
