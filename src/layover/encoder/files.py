"""The weight files of a checkpoint: safetensors, whole or in shards, in a directory or from the hub."""

from __future__ import annotations

import json
import re
from pathlib import Path

from transformers.utils.hub import cached_file

from layover.errors import ModelError
from layover.identity import file_sha256

WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
RANDOM = "random.json"
"""Beside weights that were drawn at random: their seed and SHA-256, so that other weights in their place are none."""
_SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")


def config_file(source: str | Path, revision: str | None) -> Path:
    """Return the file of an encoder's config.

    Raises:
        ModelError: there is none.
    """
    found = _file(source, revision, "config.json")
    if found is None:
        raise ModelError(f"{source}: no config.json")
    return found


def weight_files(source: str | Path, revision: str | None) -> list[Path]:
    """Return the files that hold an encoder's weights.

    Raises:
        ModelError: there are none, or not all of them.
    """
    whole = _file(source, revision, WEIGHTS)
    if whole is not None:
        return [whole]
    index = _file(source, revision, SHARDS)
    names = [] if index is None else sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    if strange := [name for name in names if _SHARD.fullmatch(str(name)) is None]:
        raise ModelError(f"{source}: {SHARDS} names {strange[0]!r}, which is no file of this model")
    files = [file for name in names if (file := _file(source, revision, name)) is not None]
    if not files or len(files) < len(names):
        raise ModelError(f"{source}: neither {WEIGHTS} nor all files that {SHARDS} names")
    return files


def is_random(source: str | Path) -> bool:
    """Return whether an encoder's weights are the ones that `layover init-encoder` drew, still untrained."""
    mark, weights = Path(source) / RANDOM, Path(source) / WEIGHTS
    if not mark.is_file() or not weights.is_file():
        return False
    return bool(json.loads(mark.read_text(encoding="utf-8"))["weights_sha256"] == file_sha256(weights))


def _file(source: str | Path, revision: str | None, name: str) -> Path | None:
    try:
        found = cached_file(str(source), name, revision=revision)
    except OSError:  # also what it raises for a file that is not there
        return None
    return None if found is None else Path(found)
