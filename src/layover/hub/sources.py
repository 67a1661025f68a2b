"""The sources of `pull`: a folder, a zip archive, or a repository of the hub at a commit."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from layover.errors import LayoverError, ModelError, printable
from layover.files import archives, hub
from layover.files.safe import is_there
from layover.hub.contents import FILES, MODULE_FILES, OF_THE_HUB, sized
from layover.inference.encoders import HUB_ID
from layover.layouts import CONFIG
from layover.packages.card import CARD


@dataclass(frozen=True)
class Origin:
    """A folder that may contain a package or a module, and its source."""

    folder: Path
    name: str
    """The name of a module without a card: the name of its folder, archive or repository."""
    where: str
    """For messages: the source as the user named it, with the commit of the hub."""
    commit: str | None = None
    left: tuple[str, ...] = ()
    """Files of a repository that were not fetched."""

    @property
    def package(self) -> bool:
        """Whether it has a card."""
        return is_there(self.folder / CARD)


def origins(source: str, revision: str | None, work: Path) -> list[Origin]:
    """Return the packages and modules in a source; an archive may contain several.

    Args:
        source: A folder, a zip archive, `org/name` or `org/name@commit`.
        revision: The commit or branch of a repository of the hub.
        work: An empty folder, for unpacked or fetched files.

    Raises:
        LayoverError: the source has another form, cannot be reached or unpacked, or no revision is named.
    """
    place = Path(source)
    if place.is_dir() or place.is_file():
        if revision is not None:
            raise LayoverError(f"{source} is a local path, but --revision is for repositories of the hub")
        return [Origin(place, place.resolve().name, source)] if place.is_dir() else _unpacked(place, work)
    match = HUB_ID.fullmatch(source)
    if match is None:
        raise LayoverError(
            f"{printable(source)!r} is neither a folder, nor a zip archive, nor an id of the hub (org/name@commit)"
        )
    if match[2] and revision and match[2] != revision:
        raise LayoverError(f"{source} and --revision {revision} name two revisions; name only one")
    return [_fetched(match[1], match[2] or revision, work)]


def _unpacked(archive: Path, work: Path) -> list[Origin]:
    if archive.suffix.lower() != archives.SUFFIX:
        raise LayoverError(f"{archive}: only zip archives can be pulled; unpack this file, and pull the folder")
    folder = work / "unpacked"
    archives.unpack(archive, folder)
    if is_there(folder / CARD) or is_there(folder / CONFIG):
        return [Origin(folder, archive.stem, str(archive))]
    inner = [place for place in sorted(folder.iterdir()) if is_there(place / CARD) or is_there(place / CONFIG)]
    if not inner:
        raise LayoverError(f"{archive}: the archive has no package and no module: neither {CARD} nor {CONFIG}")
    return [Origin(place, place.name, f"{archive}: {place.name}") for place in inner]


def _fetched(id: str, revision: str | None, work: Path) -> Origin:  # noqa: A002
    """Fetch the files of a package or a module, and no others, after a check of their sizes."""
    if revision is None:
        raise LayoverError(
            f"{id}: no commit is named; write {id}@COMMIT or --revision COMMIT, so that the result stays the same, or "
            "--revision main for the current commit, which is reported"
        )
    repository = hub.look(id, revision)
    commit, sizes = repository.commit, repository.files
    wanted = FILES if CARD in sizes else MODULE_FILES
    if CARD not in sizes and CONFIG not in sizes:
        below = [name.removesuffix(f"/{CONFIG}") for name in sorted(sizes) if name.endswith(f"/{CONFIG}")]
        rest = (
            f"; its folder {printable(below[0][:80])} has a module: download it, and pull the folder" if below else ""
        )
        raise LayoverError(f"{id} at {commit}: no package and no module: neither {CARD} nor {CONFIG}{rest}")
    names = [name for name in wanted if name in sizes]
    for name in names:
        size, most = sizes[name], wanted[name]
        if size is None or size > most:
            words = "has an unknown size" if size is None else f"has {size} bytes"
            raise ModelError(f"{id} at {commit}: {name} {words}; the limit for this file is {most} bytes")
    left = tuple(sorted(set(sizes) - set(names) - {OF_THE_HUB}))
    folder = work / id.replace("/", "--")
    folder.mkdir()
    hub.fetch(repository, names, folder)
    return Origin(folder, id.rpartition("/")[2], f"{id}@{commit}", commit, left)


def take(source: Path, target: Path, files: Mapping[str, int]) -> tuple[str, ...]:
    """Copy named files into a new folder, and return the names of the other files of the source.

    Args:
        source: The folder that the user named.
        target: The new folder.
        files: Name -> most bytes.

    Raises:
        ModelError: a file is a link, not an ordinary file, or too large.
    """
    target.mkdir()
    for name, most in files.items():
        file = source / name
        if not is_there(file):
            continue
        if file.parent != source and file.parent.is_symlink():
            raise ModelError(f"{file.parent} is a link, which is not followed; copy the folder itself")
        sized(file, most)
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target / name, follow_symlinks=False)
    return tuple(sorted(printable(name) for name in _names(source, files) if name not in files and name != OF_THE_HUB))


def _names(source: Path, files: Collection[str]) -> Iterator[str]:
    """Yield the names in a folder, and the names in its folders that some of `files` belong to."""
    parents = {name.partition("/")[0] for name in files if "/" in name}
    for path in source.iterdir():
        if path.name in parents and path.is_dir() and not path.is_symlink():
            yield from (f"{path.name}/{inner.name}" for inner in path.iterdir())
        else:
            yield path.name
