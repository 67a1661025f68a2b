"""Where packages are pulled from: a folder, a zip archive, or a repository of the hub at a commit."""

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
    """A folder that may hold a package or a module, and where it came from."""

    folder: Path
    name: str
    """Of a module without a card: that of its folder, archive or repository."""
    where: str
    """For people: what they named, with the commit of the hub."""
    commit: str | None = None
    left: tuple[str, ...] = ()
    """Files of a repository that were not fetched."""

    @property
    def package(self) -> bool:
        """Whether it has a card."""
        return is_there(self.folder / CARD)


def origins(source: str, revision: str | None, work: Path) -> list[Origin]:
    """Return what a source holds; several where an archive holds several packages.

    Args:
        source: A folder, a zip archive, `org/name` or `org/name@commit`.
        revision: Commit of a repository of the hub; a branch must be said, too.
        work: An empty folder, for what is unpacked or fetched.

    Raises:
        LayoverError: it is none of these, cannot be reached or unpacked, or no commit was named.
    """
    place = Path(source)
    if place.is_dir() or place.is_file():
        if revision is not None:
            raise LayoverError(f"{source} lies here; --revision is for repositories of the hub")
        return [Origin(place, place.resolve().name, source)] if place.is_dir() else _unpacked(place, work)
    found = HUB_ID.fullmatch(source)
    if found is None:
        raise LayoverError(
            f"{printable(source)!r} is no folder, no zip archive, and no id of the hub (org/name@commit)"
        )
    if found[2] and revision and found[2] != revision:
        raise LayoverError(f"{source} with --revision {revision}: two revisions; say one")
    return [_fetched(found[1], found[2] or revision, work)]


def _unpacked(archive: Path, work: Path) -> list[Origin]:
    if archive.suffix.lower() != archives.SUFFIX:
        raise LayoverError(f"{archive}: only zip archives are unpacked; unpack it, and pull the folder")
    folder = work / "unpacked"
    archives.unpack(archive, folder)
    if is_there(folder / CARD) or is_there(folder / CONFIG):
        return [Origin(folder, archive.stem, str(archive))]
    inner = [one for one in sorted(folder.iterdir()) if is_there(one / CARD) or is_there(one / CONFIG)]
    if not inner:
        raise LayoverError(f"{archive}: no package and no module in it: neither {CARD} nor {CONFIG}")
    return [Origin(one, one.name, f"{archive}: {one.name}") for one in inner]


def _fetched(id: str, revision: str | None, work: Path) -> Origin:  # noqa: A002
    """Fetch the files of a package or a module, and no others, after their sizes were looked at."""
    if revision is None:
        raise LayoverError(
            f"{id}: name the commit, {id}@COMMIT or --revision COMMIT, so that it stays the same; --revision main "
            "takes what is there now, and says which commit that is"
        )
    found = hub.look(id, revision)
    wanted = FILES if CARD in found.files else MODULE_FILES
    if CARD not in found.files and CONFIG not in found.files:
        below = [name.removesuffix(f"/{CONFIG}") for name in sorted(found.files) if name.endswith(f"/{CONFIG}")]
        rest = f"; it is in its folder {printable(below[0][:80])}: download that, and pull the folder" if below else ""
        raise LayoverError(f"{id} at {found.commit}: neither {CARD} nor {CONFIG}: no package, and no module{rest}")
    names = [name for name in wanted if name in found.files]
    for name in names:
        size, most = found.files[name], wanted[name]
        if size is None or size > most:
            told = "of an unknown size" if size is None else f"{size} bytes"
            raise ModelError(f"{id} at {found.commit}: {name}: {told}; such a file has at most {most} bytes")
    left = tuple(sorted(set(found.files) - set(names) - {OF_THE_HUB}))
    folder = work / id.replace("/", "--")
    folder.mkdir()
    hub.fetch(found, names, folder)
    return Origin(folder, id.rpartition("/")[2], f"{id}@{found.commit}", found.commit, left)


def take(source: Path, target: Path, files: Mapping[str, int]) -> tuple[str, ...]:
    """Copy the files that are named into a new folder; return what else there was.

    Args:
        source: A folder, which a person named.
        target: Is made.
        files: Name -> most bytes.

    Raises:
        ModelError: one is a link, no ordinary file, or too large.
    """
    target.mkdir()
    for name, most in files.items():
        file = source / name
        if not is_there(file):
            continue
        if file.parent != source and file.parent.is_symlink():
            raise ModelError(f"{file.parent}: a link; it is not followed")
        sized(file, most)
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target / name, follow_symlinks=False)
    return tuple(sorted(printable(name) for name in _names(source, files) if name not in files and name != OF_THE_HUB))


def _names(source: Path, files: Collection[str]) -> Iterator[str]:
    """Yield what lies in a folder by its name, and what lies in those of its folders that hold some of `files`."""
    parents = {name.partition("/")[0] for name in files if "/" in name}
    for path in source.iterdir():
        if path.name in parents and path.is_dir() and not path.is_symlink():
            yield from (f"{path.name}/{inner.name}" for inner in path.iterdir())
        else:
            yield path.name
