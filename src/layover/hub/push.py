"""Upload of a verified package to a repository of the hub: exactly its files, in one commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from layover.errors import LayoverError, printable
from layover.files.hub_sending import send
from layover.hub.contents import FILES, README
from layover.hub.verify import Verdict, verify
from layover.identity import file_sha256
from layover.inference.encoders import HUB_ID
from layover.packages.card import CARD, PICKLES, read_card


@dataclass(frozen=True)
class Sent:
    """A file to send."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Push:
    """A verified package and its repository."""

    folder: Path
    repository: str
    verdict: Verdict
    files: tuple[Sent, ...]
    needed: tuple[str, ...]
    """Other packages that a user needs; each is sent separately."""
    message: str
    """The message of the commit."""

    def send(self, *, private: bool, revision: str | None) -> str:
        """Send the package, and return the address of the commit.

        The same commit removes files of an earlier package in the repository that this package does not have.

        Args:
            private: Whether a new repository is private.
            revision: A branch; None for the main branch.

        Raises:
            LayoverError: the hub cannot be reached, or refuses.
        """
        names = [file.name for file in self.files]
        stale = [name for name in (*FILES, *sorted(PICKLES)) if name not in names]
        return send(
            self.repository, self.folder, names, stale=stale, private=private, revision=revision, message=self.message
        )


def prepare(folder: Path, repository: str, *, others: Iterable[Path] = (), base: str | None = None) -> Push:
    """Return a push of a package after all checks that can run here, without network and token.

    Args:
        folder: The folder of the package.
        repository: `org/name`.
        others: Folders of packages that it may need; see `verify`.
        base: Its encoder, if the user names one.

    Raises:
        LayoverError: the folder is not a package, a check failed, or the name of the repository is invalid.
    """
    match = HUB_ID.fullmatch(repository)
    if match is None or match[2] is not None:
        raise LayoverError(f"{printable(repository)!r} is not the name of a repository; write org/name")
    card = read_card(folder)
    verdict = verify(folder, others=others, base=base)
    if verdict.failed:
        raise LayoverError(f"{folder} is not sent, because {verdict.refusal()}")
    names = sorted({*card.hashes(), README, CARD})
    files = tuple(Sent(name, (folder / name).stat().st_size, file_sha256(folder / name)) for name in names)
    return Push(folder, repository, verdict, files, card.needed(), f"{card.id}: {printable(card.title)}"[:200])
