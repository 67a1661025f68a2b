"""The target of a path in a recipe: a file, the files of a saved data set, or the reason why it is neither."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layover.errors import DataError, nearest, printable
from layover.files.archives import is_file

STATE, SPLITS_FILE = "state.json", "dataset_dict.json"
"""Names of files that `save_to_disk` of `datasets` writes: next to the files of a data set, and above its splits."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
SHOWN = 6


def kind_of_file(mode: int) -> str:
    """Return a noun for a path that is not a file: a folder, a named pipe ..."""
    if stat.S_ISDIR(mode):
        return "a folder"
    return next((words for test, words in _KINDS if test(mode)), "no file")


def check_file(path: Path, task: str) -> None:
    """Check that a path is a file.

    Raises:
        DataError: the path is not a file; the message says what it is, or the nearest name.
    """
    if is_file(path):
        return
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise DataError(f"{task}: {path} is a link to {path.readlink()}, which does not exist") from None
        folder = path.parent
        raise DataError(f"{task}: {path} does not exist; {nearest(path.name, _names(folder))}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{task}: {printable(str(path))} cannot be read ({reason})") from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{task}: {path} is a folder; name a file in it{_some(path)}")
    raise DataError(
        f"{task}: {path} is {kind_of_file(mode)}, but Layover must read it more than once; save its content as a file"
    )


def is_saved(path: Path) -> bool:
    """Return whether a folder is a data set, or several splits, as `save_to_disk` of `datasets` writes it."""
    try:
        return (path / STATE).is_file() or (path / SPLITS_FILE).is_file()
    except OSError:  # a name that is too long, a folder without permission
        return False


def saved_files(path: Path, split: str, task: str) -> tuple[Path, ...]:
    """Return the Arrow files of a saved data set, in the order of their rows.

    Args:
        path: The folder of the data set, or of several splits, one of which has the name of `split`.
        split: `train`, `validation` or `test`.
        task: Name of the task, for messages.

    Raises:
        DataError: the data set does not have the split, or its description is damaged.
    """
    if (path / SPLITS_FILE).is_file():
        splits = _described(path / SPLITS_FILE, "splits")
        if split not in splits:
            raise DataError(f"{task}: {path} has no split {split!r}; name one of its folders: {_listed(path, splits)}")
        path = path / split
    state = _state(path / STATE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise DataError(f"{path}: a file of indices selects its rows; save it again with the installed datasets")
    listed = state.get("_data_files")
    entries = listed if isinstance(listed, list) else []
    names = [entry.get("filename") if isinstance(entry, dict) else None for entry in entries]
    if not names or not all(isinstance(name, str) and _is_name(name) for name in names):
        raise DataError(f"{path / STATE}: names no files of rows; save the data set again")
    return tuple(path / str(name) for name in names)


def _described(path: Path, key: str) -> list[str]:
    names = _state(path).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) and _is_name(name) for name in names):
        raise DataError(f"{path}: names no {key}; save the data set again")
    return names


def _is_name(name: str) -> bool:
    """Return whether a text is the name of a file in a folder, not a path to another folder."""
    return name != "" and name.isprintable() and Path(name).name == name


def _state(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read ({error}); save the data set again") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: the content is not a JSON object; save the data set again")
    return values


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a list of names is wanted
    except OSError:
        return []


def _some(folder: Path) -> str:
    names = sorted(name for name in _names(folder) if (folder / name).is_file())
    return f": {', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}" if names else ""


def _listed(folder: Path, splits: Sequence[str]) -> str:
    return ", ".join(str(folder / split) for split in splits)
