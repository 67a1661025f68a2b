"""The file that marks a folder as a store."""

from __future__ import annotations

import os
from pathlib import Path

from layover.errors import StoreError
from layover.store.files import read_json, write_json

SCHEMA = 1
MARKER = "store.json"
_ADVICE = f'write {{"layover_store": {SCHEMA}}} into that file'


def is_store(root: Path) -> bool:
    """Return whether a folder is a store; False if it is empty or absent. The folder is not changed.

    Raises:
        StoreError: the folder has other content, is a store of another schema, or cannot be read.
    """
    try:
        names = os.listdir(root)  # noqa: PTH208  an iterator of pathlib fails later
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{root}: cannot be read: {error.strerror}; name another folder with --store") from None
    if MARKER in names:
        _check(root / MARKER)
        return True
    if all(name.startswith(f".{MARKER}") for name in names):  # another process is making the store
        return False
    lost = f"; if it is a store that lost its {MARKER}, {_ADVICE}" if "nodes" in names else ""
    raise StoreError(f"{root} is neither empty nor a store; name another folder with --store{lost}")


def make_store(root: Path) -> None:
    """Turn a folder into a store.

    Raises:
        StoreError: the store cannot be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        write_json(root / MARKER, {"layover_store": SCHEMA})
    except OSError as error:
        raise StoreError(f"{root}: cannot be made: {error.strerror}; name another folder with --store") from None


def _check(marker: Path) -> None:
    """Refuse a folder of another program, or a store of another schema.

    Raises:
        StoreError: the marker has another schema, cannot be read or is damaged.
    """
    if not os.access(marker, os.R_OK):
        raise StoreError(f"{marker}: cannot be read: Permission denied; name another folder with --store")
    try:
        content = read_json(marker)
    except StoreError as error:
        raise StoreError(f"{error}; if the folder is a store of Layover, {_ADVICE}") from None
    schema = content.get("layover_store")
    if type(schema) is not int or schema != SCHEMA:
        raise StoreError(f"{marker}: is not a store of schema {SCHEMA}: {content}; if it is damaged, {_ADVICE}")
