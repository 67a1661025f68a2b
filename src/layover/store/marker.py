"""The file that says that a folder is a store."""

from __future__ import annotations

import os
from pathlib import Path

from layover.errors import StoreError
from layover.store.files import read_json, write_json

SCHEMA = 1
MARKER = "store.json"
_MEND = f'write {{"layover_store": {SCHEMA}}} into that file'


def is_store(root: Path) -> bool:
    """Tell whether a folder is a store; False when it is empty, or not there. Nothing is made.

    Raises:
        StoreError: it holds something else, is a store of another schema, or cannot be read.
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
    if all(name.startswith(f".{MARKER}") for name in names):  # another process makes it right now
        return False
    lost = f"; if it is a store that lost its {MARKER}, {_MEND}" if "nodes" in names else ""
    raise StoreError(f"{root} is neither empty nor a store; name another folder with --store{lost}")


def make_store(root: Path) -> None:
    """Make a folder a store.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        write_json(root / MARKER, {"layover_store": SCHEMA})
    except OSError as error:
        raise StoreError(f"{root}: cannot be made: {error.strerror}; name another folder with --store") from None


def _check(marker: Path) -> None:
    """Refuse a folder that is another program's, or a store of another schema.

    Raises:
        StoreError: it is one, or what it says of itself is damaged.
    """
    if not os.access(marker, os.R_OK):
        raise StoreError(f"{marker}: cannot be read: Permission denied; name another folder with --store")
    try:
        found = read_json(marker)
    except StoreError as error:
        raise StoreError(f"{error}; if the folder is a store of Layover, {_MEND}") from None
    schema = found.get("layover_store")
    if type(schema) is not int or schema != SCHEMA:
        raise StoreError(f"{marker}: not a store of schema {SCHEMA}: {found}; if it is damaged, {_MEND}")
