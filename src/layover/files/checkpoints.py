"""The weight files of a checkpoint: their names, and the files that are read."""

from __future__ import annotations

import json
import re
from pathlib import Path

from layover.errors import ModelError

WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
_SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")


def shards_of(index: Path) -> list[str]:
    """Return the file names in an index of weight files.

    Raises:
        ModelError: The file is not an index, or names a file outside of this model.
    """
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{index}: the file is not an index of weight files: {error!r}") from None
    if strange := [name for name in names if _SHARD.fullmatch(str(name)) is None]:
        raise ModelError(f"{index.parent}: {SHARDS} names {strange[0]!r}, which is not a file of this model")
    return [str(name) for name in names]


def local_weights(folder: Path) -> list[Path]:
    """Return the weight files in a directory that an encoder is loaded from; empty if there are none.

    Raises:
        ModelError: The index is damaged, or names a missing file.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / SHARDS).is_file():
        return []
    files = [folder / name for name in shards_of(folder / SHARDS)]
    if absent := [file.name for file in files if not file.is_file()]:
        raise ModelError(f"{folder}: {SHARDS} names {absent[0]}, but this file is missing")
    return files
