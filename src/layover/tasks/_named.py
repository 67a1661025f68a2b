"""Files that a recipe names for a task: how each is read, and that it is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layover.archives import is_file
from layover.data.formats import AUTO, Layout, by_extension
from layover.data.task import FileSource
from layover.errors import DataError, nearest

if TYPE_CHECKING:
    from layover.tasks._task import Task

SPLITS = ("train", "validation", "test")

Paths = str | tuple[str, ...]
"""What a recipe names for one split and language: a file; for retrieval the files of both sides and the gold, for
translated text both sides."""


def named_source(
    task: Task, split: str, language: str, named: Paths | Mapping[str, Paths], root: Path
) -> FileSource | None:
    """Return how to read what a recipe names for a split and language, None where it names nothing for it.

    Raises:
        DataError: a path does not exist, or there are too many or too few of them.
    """
    paths = named.get(language) if isinstance(named, Mapping) else named
    if paths is None:
        return None
    paths = (paths,) if isinstance(paths, str) else paths
    source = _with_paths(task, _source_like(task, paths, split), paths)
    one = not isinstance(named, Mapping) and not source.by_language() and "{language}" not in "".join(paths)
    if one and language != task.language_of_one_file(split):
        return None  # one file cannot hold several languages unnoticed
    source = source.resolved(language)
    listed = source.listing.path if source.listing is not None else None
    for path in (source.path, source.other, listed, source.gold if len(paths) > 1 else None):
        if path is not None and not is_file(root / path):
            folder = (root / path).parent
            there = [file.name for file in folder.iterdir()] if folder.is_dir() else []
            raise DataError(f"{task.name}: {root / path} does not exist; {nearest(Path(path).name, there)}")
    return source


def _with_paths(task: Task, source: FileSource, paths: tuple[str, ...]) -> FileSource:
    """Return a source with the paths of a recipe: the file; also the other side's, and the gold of retrieval."""
    columns = source.columns or task.columns
    if task.kind == "mlm" and "second" in columns:
        fewest, most, needed = 1, 2, "one file, or the texts and their translations, line by line"
    elif task.kind != "retrieval" or "other" in columns:
        fewest, most, needed = 1, 1, "one file"
    else:
        fewest, most = 2, 3
        needed = "the language's sentences, the English ones, and the gold if there is any"
    if not fewest <= len(paths) <= most:
        raise DataError(f"{task.name}: {len(paths)} paths ({', '.join(paths)}); name {needed}")
    roles = dict(zip(("path", "other", "gold"), paths, strict=False))
    # an official file of labels belongs to the official file, and is looked for at its own place
    return source.model_copy(update={"more": (), **roles} if most == 1 else {"gold": None, **roles})


def _source_like(task: Task, paths: tuple[str, ...], split: str) -> FileSource:
    """Return how to read a recipe's own paths: like the official file of that name, else like one of its format.

    Without either, the extension says the format and the task's columns are looked for.
    """
    path = paths[0]
    ordered = [*task.files.get(split, ()), *(file for name in SPLITS for file in task.files.get(name, ()))]
    for source in ordered:
        pattern = re.escape(source.path).replace(re.escape("{language}"), r"(\{language\}|[^/]+)")
        if re.search(rf"(^|/){pattern}$", path):
            return source
    layout = task.layout or Layout(format=AUTO)
    if layout.format == AUTO:
        layout = layout.model_copy(update={"format": format_of(task.kind, paths)})
    for source in ordered:
        if source.layout.format == layout.format:
            plain: dict[str, Any] = {"gold": None, "other": None, "more": (), "listing": None, "languages": ()}
            return source.model_copy(update=plain)
    return FileSource(path=path, layout=layout, codes=_numbered(task), where=task.where, literal=True)


def format_of(kind: str, paths: Paths) -> str:
    """Return the format that the extension of a recipe's paths suggests to a task of a kind.

    Raises:
        DataError: it suggests none.
    """
    named = (paths,) if isinstance(paths, str) else paths
    aligned = kind == "retrieval" or (kind == "mlm" and len(named) > 1)
    return by_extension(named[0], tagging=kind == "tagging", sentences=aligned)


def _numbered(task: Task) -> tuple[str, ...]:
    """Return the tags that numbers in a recipe's own files stand for: `datasets` writes places in the labels.

    None where the labels are numbers themselves, or nobody has put them in an order.
    """
    ordered = task.kind == "tagging" and not task.labels_from_training
    return task.labels if ordered and not any(label.lstrip("+-").isdecimal() for label in task.labels) else ()
