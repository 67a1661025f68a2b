"""Where the files of an imported module are: in a folder, or on the hub at a commit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from layover import layouts
from layover.errors import MistakesError, ModelError
from layover.files.safe import MOST_JSON, MOST_TENSORS
from layover.layouts import heads
from layover.packages.card import ADAPTERHUB, CARD, MODULE
from layover.plan.hub import Revisions, unresolved_message

OTHERS = (layouts.CONFIG, *(layout.file for layout in layouts.every()))
"""Files that are downloaded from a repository of another library; never a pickle, never a program."""
PACKAGE = (CARD, *OTHERS, *(f"{ADAPTERHUB}/{name}" for name in OTHERS), MODULE, heads.HEAD)
"""Files that are downloaded from the repository of a package."""


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    path: Path

    def place(self, name: str) -> Path:
        """Return where a file is."""
        return self.path / name

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """Yield the folder."""
        yield self.path


@dataclass(frozen=True)
class DownloadedRepository:
    """A repository of the hub with some downloaded files."""

    id: str
    """`org/name`."""
    commit: str
    names: tuple[str, ...]
    """Names of the downloaded files."""

    def place(self, name: str) -> Path:
        """Return the path of a file in the local cache of the hub.

        Raises:
            ModelError: the file was removed from the cache and cannot be downloaded.
        """
        path = Revisions().file(self.id, self.commit, name, _most(name))
        if path is None:
            raise ModelError(f"{self.id}@{self.commit[:12]}: {name} is not in the local cache any more; go online once")
        return path

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """Yield a temporary folder with copies of the files: the cache has links, and links are not followed.

        Errors about the files name the repository, not the temporary folder.
        """
        with tempfile.TemporaryDirectory(prefix="layover-") as temporary:
            folder = Path(temporary)
            for name in self.names:
                place = self.place(name)
                if place.stat().st_size > _most(name):  # in a cache that another program filled
                    raise ModelError(f"{self.id}@{self.commit[:12]}: {name}: more than {_most(name)} bytes")
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(place, folder / name)
            try:
                yield folder
            except MistakesError as error:
                where = error.where.replace(temporary, f"{self.id}@{self.commit[:12]}")
                raise MistakesError(where, error.sentences) from None
            except ModelError as error:
                raise ModelError(str(error).replace(temporary, f"{self.id}@{self.commit[:12]}")) from None


def _most(name: str) -> int:
    """Return the largest allowed size of a file in bytes."""
    return MOST_JSON if PurePosixPath(name).suffix == ".json" else MOST_TENSORS


def downloaded(repository: str, revision: str, revisions: Revisions) -> DownloadedRepository:
    """Return a repository at the commit of a revision, with the needed files downloaded to the hub's cache.

    Raises:
        ModelError: the revision is not known, the hub cannot be reached, or it denies access.
    """
    commit = revisions.commit(repository, revision, "model")
    if commit is None:
        name = f"models/{repository}@{revision}"
        raise ModelError(unresolved_message([entry for entry in revisions.unresolved if entry.name == name]))

    def has(name: str) -> bool:
        return revisions.file(repository, commit, name, _most(name)) is not None

    names = tuple(name for name in (PACKAGE if has(CARD) else OTHERS) if has(name))
    weights = [layout.file for layout in layouts.every()]
    if not any(PurePosixPath(name).suffix == ".safetensors" for name in names):
        where, listed = f"{repository}@{commit[:12]}", " or ".join(weights)
        if revisions.offline:
            raise ModelError(f"{where}: the local cache has no {listed}, and {revisions.why}")
        raise ModelError(
            f"{where}: there is no {listed}; a pickle (*.bin) is never read, ask its author to save it as safetensors"
        )
    return DownloadedRepository(repository, commit, names)
