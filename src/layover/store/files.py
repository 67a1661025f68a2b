"""JSON files of the store: written completely or not at all, and sealed by a digest of their content."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from layover.errors import StoreError
from layover.files.disk import naming
from layover.identity import key_of, parsed_key

DIGEST = "digest"


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        StoreError: the file is absent or is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path}: is not a JSON object")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys through a temporary file, so that a kill leaves the old text or the new text."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # two containers may share a PID
    try:
        with naming(path), temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with a digest of all values."""
    return {**values, DIGEST: key_of(dict(values))}


def is_sealed(values: Mapping[str, Any]) -> bool:
    """Return whether values from JSON match their own digest."""
    rest = {name: value for name, value in values.items() if name != DIGEST}
    try:
        return bool(values.get(DIGEST) == parsed_key(rest))
    except ValueError:  # a number or a text that is never written
        return False


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder, or of a file; a file that is removed meanwhile does not count.

    Raises:
        FileNotFoundError: the folder or file is absent.
    """
    if not folder.is_dir():
        return folder.lstat().st_size
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += file.stat().st_size if file.is_file() else 0
    return size


def remove(place: Path) -> None:
    """Remove a file, a link, or a folder with all its content."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
