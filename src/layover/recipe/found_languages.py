"""The languages of existing files, which `{language}` in the paths of a recipe matches."""

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
"""Names of splits that are also language codes."""

Files = Mapping[str, Paths | Mapping[str, Paths]]


def found_languages(files: Files, root: Path) -> tuple[str, ...]:
    """Return the languages for which files exist, sorted.

    Training files count only if no other split has a path with `{language}`. A file that belongs to another split does
    not count.

    Args:
        files: Split -> the paths that a recipe names for it.
        root: The folder of the paths.

    Raises:
        DataError: a folder cannot be listed, or an archive is damaged.
    """
    patterns = {split: list(_patterns(paths)) for split, paths in files.items()}
    scored = [(split, pattern) for split, own in patterns.items() if split != "train" for pattern in own]
    languages = set()
    for split, pattern in scored or [("train", pattern) for pattern in patterns.get("train", [])]:
        others = [path for other, paths in files.items() if other != split for path in _every(paths)]
        for language, path in _matching(pattern, root):
            if not any(_takes(other, path, pattern) for other in others):
                languages.add(language)
    return tuple(sorted(languages))


def no_languages(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are neither a language nor a pair of languages, or that may be the name of a split."""
    return tuple(name for name in names if not _is_code(name))


def _is_code(name: str) -> bool:
    codes, parts = named(name).codes, re.split("[-_]", name)
    # `sw_old` is no pair, although `old` is a code: both codes of a pair have the same length
    pair = len(codes) < 2 or len({len(part) for part in parts}) == 1
    return bool(codes) and pair and not _SPLITS & {part.lower() for part in parts}


def _every(paths: Paths | Mapping[str, Paths]) -> Iterator[str]:
    for group in paths.values() if isinstance(paths, Mapping) else [paths]:
        yield from (group,) if isinstance(group, str) else group


def _patterns(paths: Paths | Mapping[str, Paths]) -> Iterator[str]:
    """Yield the first path with `{language}` among the paths of a split."""
    if not isinstance(paths, Mapping):
        yield from [path for path in _every(paths) if TEMPLATE in path][:1]


def _takes(other: str, path: str, pattern: str) -> bool:
    """Return whether a path belongs to another split: as its path, or as a match of its more specific pattern."""
    if TEMPLATE not in other:
        return PurePosixPath(other) == PurePosixPath(path)
    return len(other.replace(TEMPLATE, "")) > len(pattern.replace(TEMPLATE, "")) and bool(
        _expression(other).fullmatch(path)
    )


def _matching(pattern: str, root: Path) -> Iterator[tuple[str, str]]:
    """Yield the language and the path of every existing file that matches a pattern."""
    parts = PurePosixPath(pattern).parts
    first = next(index for index, part in enumerate(parts) if TEMPLATE in part)
    folder, part = root.joinpath(*parts[:first]), _expression(parts[first])
    try:
        names = sorted(_names(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed ({error.strerror})") from error
    for name in names:
        if match := part.fullmatch(name):
            path = pattern.replace(TEMPLATE, match[1])
            if _is_there(root / path, match[1]):
                yield match[1], path


def _expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; every `{language}` in it matches the same code."""
    first, *others = (re.escape(part) for part in pattern.split(TEMPLATE))
    if not others:
        return re.compile(first)
    return re.compile(f"{first}({_CODE})" + r"\1".join(others), re.ASCII)


def _names(folder: Path) -> set[str]:
    """Return the names in a folder on the disk or in an archive; nothing if the folder is absent."""
    names = names_in(folder)
    if names is None:
        return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    return names


def _is_there(path: Path, language: str) -> bool:
    """Return whether a path is a file or a saved data set.

    Raises:
        DataError: the path cannot be read, and its name is a language code.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return is_file(path)  # in an archive
    except OSError as error:
        if not _is_code(language):
            return False
        raise DataError(f"{path} cannot be read ({error.strerror}); name the languages in the recipe") from error
    return path.is_file() or is_saved(path)
