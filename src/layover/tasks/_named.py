"""Files that a recipe names for a task: the reading of each file, and a check that it exists."""

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
    """Return the source of a recipe's paths for a split and language, or None if the recipe names none.

    Raises:
        DataError: a path does not exist, or the number of paths is wrong.
    """
    paths = named.get(language) if isinstance(named, Mapping) else named
    if paths is None:
        return None
    paths = (paths,) if isinstance(paths, str) else paths
    source = _with_paths(task, _source_like(task, paths, split, language, root), paths)
    single = not isinstance(named, Mapping) and not source.by_language() and "{language}" not in "".join(paths)
    if single and language != task.language_of_one_file(split):
        return None  # a single file without `where` by language has one language
    source = _of_folder(task, source.resolved(language), split, root)
    listed = source.listing.path if source.listing is not None else None
    for path in (source.path, *source.more, source.other, listed, source.gold if len(paths) > 1 else None):
        if path is not None:
            check_file(root / path, task.name)
    return source


def _of_folder(task: TaskFields, source: FileSource, split: str, root: Path) -> FileSource:
    """Return the source with the files of a saved data set instead of its folder.

    Raises:
        DataError: the data set is damaged, or its rows are in several files although only one is possible.
    """
    folder = root / source.path
    if not is_saved(folder):
        return source
    if source.layout.format != "arrow":
        raise DataError(f"{task.name}: {folder} is a data set that `datasets` saved; declare `format: arrow`")
    below = (path.relative_to(folder) for path in saved_files(folder, split, task.name))
    first, *more = (str(Path(source.path) / path) for path in below)
    if more and (task.of_kind.sides or source.other is not None):
        raise DataError(
            f"{task.name}: {folder} has its rows in {1 + len(more)} files, but line i must translate line i of one "
            "file; save it with `num_shards=1`"
        )
    return source.model_copy(update={"path": first, "more": tuple(more)})


def _with_paths(task: TaskFields, source: FileSource, paths: tuple[str, ...]) -> FileSource:
    """Return a source with the paths of a recipe: the file, and optionally the other side and the gold."""
    wanted = task.of_kind.paths(source.columns or task.columns)
    if not wanted.fewest <= len(paths) <= wanted.most:
        raise DataError(f"{task.name}: the recipe names {len(paths)} paths ({', '.join(paths)}); name {wanted.needed}")
    roles = dict(zip(("path", "other", "gold"), paths, strict=False))
    # an official file of labels stays with its official file, at its own path
    return source.model_copy(update={"more": (), **roles} if wanted.most == 1 else {"gold": None, **roles})


def _source_like(task: TaskFields, paths: tuple[str, ...], split: str, language: str, root: Path) -> FileSource:
    """Return the source of a recipe's own paths: like the official file of the same name, else of the same format.

    Otherwise the extension determines the format, and the source has the task's columns. If the extension only says
    that the file is JSON, the content determines the format.
    """
    path = paths[0]
    ordered = [*task.files.get(split, ()), *(file for name in SPLITS for file in task.files.get(name, ()))]
    for source in ordered:
        pattern = re.escape(source.path).replace(re.escape("{language}"), r"(\{language\}|[^/]+)")
        if re.search(rf"(^|/){pattern}$", path):
            return source
    layout, note = task.layout or FileLayout(format=AUTO), ""
    if layout.format == AUTO:
        layout, note = _with_format(task, layout, tuple(path.replace("{language}", language) for path in paths), root)
    for source in ordered:
        if source.layout.format == layout.format:
            plain: dict[str, Any] = {"gold": None, "other": None, "more": (), "listing": None, "languages": ()}
            return source.model_copy(update={**plain, "format_note": note})
    return FileSource(
        path=path,
        layout=layout,
        codes=_numbered(task),
        aliases=task.codes,
        where=task.where,
        literal=True,
        format_note=note,
        right=task.right or "",
    )


def _with_format(task: TaskFields, layout: FileLayout, paths: tuple[str, ...], root: Path) -> tuple[FileLayout, str]:
    """Return the layout with the format of a recipe's paths, and a note if the content of a file decided it.

    Raises:
        DataError: the format is unknown.
    """
    file = root / paths[0]
    if is_saved(file):
        return layout.model_copy(update={"format": "arrow"}), ""
    try:
        named = format_of(task.kind, paths)
    except DataError:
        check_file(file, task.name)  # report a missing file before an unknown extension
        raise
    if named in JSON and is_file(file):
        sniffed = sniff(file, layout.model_copy(update={"format": named}), named)
        note = f"{file} is read as `format: {sniffed}`: {CONTENTS[sniffed]}" if sniffed != named else ""
        return layout.model_copy(update={"format": sniffed}), note
    return layout.model_copy(update={"format": named}), ""


def format_of(kind: str, paths: Paths) -> str:
    """Return the format that the extension of a recipe's paths suggests for a task of a kind.

    Raises:
        DataError: the extension suggests no format.
    """
    named = (paths,) if isinstance(paths, str) else paths
    owner = kinds.get(kind)
    return by_extension(named[0], tagging=owner.tags, sentences=owner.lines_are_sentences(len(named)))


def _numbered(task: TaskFields) -> tuple[str, ...]:
    """Return the tags in the order of the numbers in a recipe's own files, as `datasets` writes numbers for tags.

    Empty if the labels are numbers themselves, have no declared order, or have numbers in the recipe.
    """
    ordered = task.of_kind.tags and not task.labels_from_training and not task.codes
    return task.labels if ordered and not any(label.lstrip("+-").isdecimal() for label in task.labels) else ()
