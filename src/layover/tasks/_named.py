"""Files that a recipe names for a task: how each is read, and that it is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.formats import AUTO, CONTENTS, JSON, FileLayout, by_extension, sniff
from layover.data.task import FileSource
from layover.errors import DataError
from layover.files.archives import is_file
from layover.tasks._fields import SPLITS, Paths, TaskFields
from layover.tasks._paths import check_file, is_saved, saved_files


def named_source(
    task: TaskFields, split: str, language: str, named: Paths | Mapping[str, Paths], root: Path
) -> FileSource | None:
    """Return how to read what a recipe names for a split and language, None where it names nothing for it.

    Raises:
        DataError: a path does not exist, or there are too many or too few of them.
    """
    paths = named.get(language) if isinstance(named, Mapping) else named
    if paths is None:
        return None
    paths = (paths,) if isinstance(paths, str) else paths
    source = _with_paths(task, _source_like(task, paths, split, language, root), paths)
    one = not isinstance(named, Mapping) and not source.by_language() and "{language}" not in "".join(paths)
    if one and language != task.language_of_one_file(split):
        return None  # one file cannot hold several languages unnoticed
    source = _of_folder(task, source.resolved(language), split, root)
    listed = source.listing.path if source.listing is not None else None
    for path in (source.path, *source.more, source.other, listed, source.gold if len(paths) > 1 else None):
        if path is not None:
            check_file(root / path, task.name)
    return source


def _of_folder(task: TaskFields, source: FileSource, split: str, root: Path) -> FileSource:
    """Return the source with the files of a saved data set in the place of its folder.

    Raises:
        DataError: the data set is damaged, or its rows stand in several files where only one may.
    """
    folder = root / source.path
    if not is_saved(folder):
        return source
    if source.layout.format != "arrow":
        raise DataError(f"{task.name}: {folder} is a data set that `datasets` saved; its `format` is arrow")
    below = (path.relative_to(folder) for path in saved_files(folder, split, task.name))
    first, *more = (str(Path(source.path) / path) for path in below)
    if more and (task.of_kind.sides or source.other is not None):
        raise DataError(
            f"{task.name}: {folder} has its rows in {1 + len(more)} files, but line i must translate line i of one; "
            "save it with `num_shards=1`"
        )
    return source.model_copy(update={"path": first, "more": tuple(more)})


def _with_paths(task: TaskFields, source: FileSource, paths: tuple[str, ...]) -> FileSource:
    """Return a source with the paths of a recipe: the file; also the other side's, and the gold of retrieval."""
    wanted = task.of_kind.paths(source.columns or task.columns)
    if not wanted.fewest <= len(paths) <= wanted.most:
        raise DataError(f"{task.name}: {len(paths)} paths ({', '.join(paths)}); name {wanted.needed}")
    roles = dict(zip(("path", "other", "gold"), paths, strict=False))
    # an official file of labels belongs to the official file, and is looked for at its own place
    return source.model_copy(update={"more": (), **roles} if wanted.most == 1 else {"gold": None, **roles})


def _source_like(task: TaskFields, paths: tuple[str, ...], split: str, language: str, root: Path) -> FileSource:
    """Return how to read a recipe's own paths: like the official file of that name, else like one of its format.

    Without either, the extension says the format and the task's columns are looked for; where it says no more than that
    a file is JSON, its content does.
    """
    path = paths[0]
    ordered = [*task.files.get(split, ()), *(file for name in SPLITS for file in task.files.get(name, ()))]
    for source in ordered:
        pattern = re.escape(source.path).replace(re.escape("{language}"), r"(\{language\}|[^/]+)")
        if re.search(rf"(^|/){pattern}$", path):
            return source
    layout, told = task.layout or FileLayout(format=AUTO), ""
    if layout.format == AUTO:
        layout, told = _found(task, layout, tuple(one.replace("{language}", language) for one in paths), root)
    for source in ordered:
        if source.layout.format == layout.format:
            plain: dict[str, Any] = {"gold": None, "other": None, "more": (), "listing": None, "languages": ()}
            return source.model_copy(update={**plain, "told": told})
    return FileSource(
        path=path,
        layout=layout,
        codes=_numbered(task),
        aliases=task.codes,
        where=task.where,
        literal=True,
        told=told,
        right=task.right or "",
    )


def _found(task: TaskFields, layout: FileLayout, paths: tuple[str, ...], root: Path) -> tuple[FileLayout, str]:
    """Return the layout with the format of a recipe's paths, and what to tell where the content of a file decided it.

    Raises:
        DataError: nothing says the format.
    """
    file = root / paths[0]
    if is_saved(file):
        return layout.model_copy(update={"format": "arrow"}), ""
    try:
        named = format_of(task.kind, paths)
    except DataError:
        check_file(file, task.name)  # a name may tell no format because nothing is there
        raise
    if named in JSON and is_file(file):
        sniffed = sniff(file, layout.model_copy(update={"format": named}), named)
        told = f"{file} is read as `format: {sniffed}`: {CONTENTS[sniffed]}" if sniffed != named else ""
        return layout.model_copy(update={"format": sniffed}), told
    return layout.model_copy(update={"format": named}), ""


def format_of(kind: str, paths: Paths) -> str:
    """Return the format that the extension of a recipe's paths suggests to a task of a kind.

    Raises:
        DataError: it suggests none.
    """
    named = (paths,) if isinstance(paths, str) else paths
    owner = kinds.get(kind)
    return by_extension(named[0], tagging=owner.tags, sentences=owner.lines_are_sentences(len(named)))


def _numbered(task: TaskFields) -> tuple[str, ...]:
    """Return the tags that numbers in a recipe's own files stand for: `datasets` writes places in the labels.

    None where the labels are numbers themselves, nobody has put them in an order, or the recipe numbers them.
    """
    ordered = task.of_kind.tags and not task.labels_from_training and not task.codes
    return task.labels if ordered and not any(label.lstrip("+-").isdecimal() for label in task.labels) else ()
