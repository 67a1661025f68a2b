"""Canonical JSON and the key of a node: SHA-256 over everything that decides its result, and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from layover.files import archives

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def canonical(value: Any) -> str:
    """Return the canonical JSON text of `value`: sorted keys, no spaces, floats by shortest repr.

    Raises:
        TypeError: for a type without a JSON form (a path, a tensor, a set, a non-string key).
        ValueError: for NaN and infinities.
    """
    _refuse_unknown(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key_of(value: Any) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def parsed_key(value: Any) -> str:
    """Return the same key for a value that was read from JSON, without checks of its types.

    Raises:
        ValueError: for NaN, infinities, and unpaired surrogates, which no key contains.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_unknown(value: Any, path: str) -> None:
    if value is None or type(value) in {bool, int, str}:
        return
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{path}: {value} cannot be part of an identity")
        return
    if type(value) in {list, tuple}:
        for index, item in enumerate(value):
            _refuse_unknown(item, f"{path}[{index}]")
        return
    if type(value) is dict:
        for name, item in value.items():
            if type(name) is not str:
                raise TypeError(f"{path}: key {name!r} is not a string")
            _refuse_unknown(item, f"{path}.{name}")
        return
    raise TypeError(f"{path}: a value of type {type(value).__name__} cannot be part of an identity")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks; for a file in a zip archive, of its unpacked bytes."""
    with archives.opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
