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
from layover.plan.hub import Revisions, told

OTHERS = (layouts.CONFIG, *(layout.file for layout in layouts.every()))
"""What is asked for in a repository that another library wrote; never a pickle, never a program."""
PACKAGE = (CARD, *OTHERS, *(f"{ADAPTERHUB}/{name}" for name in OTHERS), MODULE, heads.HEAD)
"""The same of a package."""


@dataclass(frozen=True)
class Folder:
    """A folder of one's own."""

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
    """A repository of the hub, of which some files were downloaded."""

    id: str
    """`org/name`."""
    commit: str
    names: tuple[str, ...]
    """Of the files."""

    def place(self, name: str) -> Path:
        """Return where the hub's cache has a file.

        Raises:
            ModelError: it is not there any more, and cannot be had again.
        """
        found = Revisions().file(self.id, self.commit, name, _most(name))
        if found is None:
            raise ModelError(f"{self.id}@{self.commit[:12]}: {name} is not in the local cache any more; go online once")
        return found

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """Yield a folder with copies of the files for a while: the cache has links, and these are not followed.

        What is wrong with them is told with the name of the repository.
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
    """Return the bytes that a file may have."""
    return MOST_JSON if PurePosixPath(name).suffix == ".json" else MOST_TENSORS


def downloaded(repository: str, revision: str, revisions: Revisions) -> DownloadedRepository:
    """Return a repository at the commit that a revision names, the few files that count in the hub's cache.

    Raises:
        ModelError: the revision is not known, the hub cannot be reached, or it does not let them be read.
    """
    commit = revisions.commit(repository, revision, "model")
    if commit is None:
        raise ModelError(told([one for one in revisions.unresolved if one.name == f"models/{repository}@{revision}"]))

    def has(name: str) -> bool:
        return revisions.file(repository, commit, name, _most(name)) is not None

    there = tuple(name for name in (PACKAGE if has(CARD) else OTHERS) if has(name))
    weights = [layout.file for layout in layouts.every()]
    if not any(PurePosixPath(name).suffix == ".safetensors" for name in there):
        where, what = f"{repository}@{commit[:12]}", " or ".join(weights)
        if revisions.offline:
            raise ModelError(f"{where}: the local cache has no {what}, and {revisions.why}")
        raise ModelError(f"{where}: there is no {what}; a pickle (*.bin) is never read, its author can save it anew")
    return DownloadedRepository(repository, commit, there)
