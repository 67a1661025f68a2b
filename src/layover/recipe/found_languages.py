"""The languages of which there are files: what `{language}` in the paths of a recipe stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from layover.archives import SUFFIX
from layover.tasks import Paths, is_saved

TEMPLATE = "{language}"
_CODE = r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*"


def found_languages(files: Mapping[str, Paths | Mapping[str, Paths]], root: Path) -> tuple[str, ...]:
    """Return the languages that files exist for, sorted; those of training files only where no other path says any.

    Args:
        files: Split -> what a recipe names for it.
        root: The folder that the paths are below.
    """
    patterns = {split: list(_patterns(named)) for split, named in files.items()}
    scored = [one for split, found in patterns.items() if split != "train" for one in found]
    languages = {language for pattern in scored or patterns.get("train", []) for language in _matching(pattern, root)}
    return tuple(sorted(languages))


def _patterns(named: Paths | Mapping[str, Paths]) -> Iterator[str]:
    """Yield the first path with a template of what is named for a split."""
    if not isinstance(named, Mapping):
        paths = (named,) if isinstance(named, str) else named
        yield from [path for path in paths if TEMPLATE in path][:1]


def _matching(pattern: str, root: Path) -> set[str]:
    """Return what the template stands for in the paths that exist."""
    parts = PurePosixPath(pattern).parts
    first = next(index for index, part in enumerate(parts) if TEMPLATE in part)
    folder, whole = root.joinpath(*parts[:first]), _expression("/".join(parts[first:]))
    try:
        names = list(_below(folder, len(parts) - first, _expression(parts[first])))
    except (OSError, BadZipFile):
        return set()
    return {found[1] for name in names if (found := whole.fullmatch(name))}


def _expression(pattern: str) -> re.Pattern[str]:
    """Return what matches a pattern; the template stands for the same code wherever it occurs."""
    first, *others = (re.escape(part) for part in pattern.split(TEMPLATE))
    if not others:
        return re.compile(first)
    return re.compile(f"{first}({_CODE})" + r"\1".join(others), re.ASCII)


def _below(folder: Path, depth: int, begins: re.Pattern[str]) -> Iterator[str]:
    """Yield the files some levels below a folder or an archive, as paths from there."""
    archive = next((one for one in (folder, *folder.parents) if one.suffix.lower() == SUFFIX and one.is_file()), None)
    if archive is not None:
        inside = folder.relative_to(archive).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        with ZipFile(archive) as members:
            yield from (name.removeprefix(prefix) for name in members.namelist() if name.startswith(prefix))
        return
    for entry in _entries(folder):
        if begins.fullmatch(entry.name):
            yield from _files(entry, entry.name, depth - 1)


def _files(path: Path, name: str, depth: int) -> Iterator[str]:
    if depth == 0:
        if path.is_file() or is_saved(path):
            yield name
        return
    for entry in _entries(path):
        yield from _files(entry, f"{name}/{entry.name}", depth - 1)


def _entries(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()
