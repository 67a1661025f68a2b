"""The languages of which there are files: what `{language}` in the paths of a recipe stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from layover.data.languages import named
from layover.errors import DataError
from layover.files.archives import is_file, names_in
from layover.tasks import Paths, is_saved

TEMPLATE = "{language}"
_CODE = r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*"
_SPLITS = frozenset({"dev", "trn", "tst", "val"})
"""Names of splits that are codes of languages, too."""

Files = Mapping[str, Paths | Mapping[str, Paths]]


def found_languages(files: Files, root: Path) -> tuple[str, ...]:
    """Return the languages that files exist for, sorted; those of training files only where no other path says any.

    A path that another split names is none of them.

    Args:
        files: Split -> what a recipe names for it.
        root: The folder that the paths are below.

    Raises:
        DataError: a folder cannot be looked into, or an archive is damaged.
    """
    patterns = {split: list(_patterns(paths)) for split, paths in files.items()}
    scored = [(split, one) for split, found in patterns.items() if split != "train" for one in found]
    languages = set()
    for split, pattern in scored or [("train", one) for one in patterns.get("train", [])]:
        others = [path for other, paths in files.items() if other != split for path in _every(paths)]
        for language, path in _matching(pattern, root):
            if not any(_takes(other, path, pattern) for other in others):
                languages.add(language)
    return tuple(sorted(languages))


def no_languages(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that stand for no language, nor for a pair of them, or that may be those of a split."""
    return tuple(name for name in names if not _is_code(name))


def _is_code(name: str) -> bool:
    codes, parts = named(name).codes, re.split("[-_]", name)
    # `sw_old` is no pair, though `old` is a code: those of a pair are written alike
    pair = len(codes) < 2 or len({len(part) for part in parts}) == 1
    return bool(codes) and pair and not _SPLITS & {part.lower() for part in parts}


def _every(paths: Paths | Mapping[str, Paths]) -> Iterator[str]:
    for one in paths.values() if isinstance(paths, Mapping) else [paths]:
        yield from (one,) if isinstance(one, str) else one


def _patterns(paths: Paths | Mapping[str, Paths]) -> Iterator[str]:
    """Yield the first path with a template of what is named for a split."""
    if not isinstance(paths, Mapping):
        yield from [path for path in _every(paths) if TEMPLATE in path][:1]


def _takes(other: str, path: str, pattern: str) -> bool:
    """Return whether a path is one of another split: named by it, or like its pattern, which says more than this."""
    if TEMPLATE not in other:
        return PurePosixPath(other) == PurePosixPath(path)
    return len(other.replace(TEMPLATE, "")) > len(pattern.replace(TEMPLATE, "")) and bool(
        _expression(other).fullmatch(path)
    )


def _matching(pattern: str, root: Path) -> Iterator[tuple[str, str]]:
    """Yield what the template stands for in the paths that exist, and these paths."""
    parts = PurePosixPath(pattern).parts
    first = next(index for index, part in enumerate(parts) if TEMPLATE in part)
    folder, part = root.joinpath(*parts[:first]), _expression(parts[first])
    try:
        names = sorted(_names(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be looked into ({error.strerror})") from error
    for name in names:
        if found := part.fullmatch(name):
            path = pattern.replace(TEMPLATE, found[1])
            if _is_there(root / path, found[1]):
                yield found[1], path


def _expression(pattern: str) -> re.Pattern[str]:
    """Return what matches a pattern; the template stands for the same code wherever it occurs."""
    first, *others = (re.escape(part) for part in pattern.split(TEMPLATE))
    if not others:
        return re.compile(first)
    return re.compile(f"{first}({_CODE})" + r"\1".join(others), re.ASCII)


def _names(folder: Path) -> set[str]:
    """Return what lies in a folder, on the disk or in an archive; nothing where there is none."""
    names = names_in(folder)
    if names is None:
        return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    return names


def _is_there(path: Path, language: str) -> bool:
    """Return whether a path is a file or a saved data set.

    Raises:
        DataError: that cannot be seen, and its name is that of a language.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return is_file(path)  # in an archive
    except OSError as error:
        if not _is_code(language):
            return False
        raise DataError(f"{path} cannot be looked at ({error.strerror}); name the languages that there are") from error
    return path.is_file() or is_saved(path)
