"""Disks without room: full, over a quota, or past the largest file; told from other errors, and put into words."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_RUST = re.compile(r"\(os error (\d+)\)")
"""safetensors and tokenizers, written in Rust, tell the number of an error in their text alone."""


def full(error: BaseException) -> int | None:
    """Return the error number where an error, or what caused it, means that a disk has no room."""
    seen: BaseException | None = error
    while seen is not None:
        number = seen.errno if isinstance(seen, OSError) and seen.errno else _number(str(seen))
        if number in FULL:
            return number
        seen = seen.__cause__ or seen.__context__
    return None


def _number(text: str) -> int | None:
    found = _RUST.search(text)
    return int(found[1]) if found else None


def said(error: BaseException, place: Path | None = None) -> str:
    """Return what a disk without room means to a person.

    Args:
        error: That `full` knows.
        place: Where it was written, unless the error names a path outside of it.
    """
    number, name = full(error) or errno.ENOSPC, _name(error)
    if place is not None and (name is None or Path(name).is_relative_to(place)):
        name = str(place)
    where = f"{name}: " if name is not None else ""
    return f"{where}{os.strerror(number)}; {_MEND[number]}, then run the same command again"


_MEND = {
    errno.ENOSPC: "free some room on this disk",
    errno.EDQUOT: "free some room within your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
}


def _name(error: BaseException) -> str | None:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.filename is not None:
            return os.fsdecode(seen.filename) if isinstance(seen.filename, (str, bytes)) else None
        seen = seen.__cause__ or seen.__context__
    return None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of a disk without room say which file was written: Python names it only where a file is opened.

    Raises:
        OSError: with the path.
    """
    try:
        yield
    except Exception as error:
        number = full(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def allocate(path: Path, size: int) -> None:
    """Make a file of a size whose room is taken: a map of a file without room kills the process that writes to it.

    Raises:
        OSError: the disk has no room.
    """
    with naming(path), path.open("wb") as stream:
        take_room(stream.fileno(), size)


def take_room(file: int, size: int) -> None:
    """Give a file that is open a size, its room taken where the system can do that (not on macOS).

    Raises:
        OSError: the disk has no room.
    """
    if sys.platform == "linux" and size:
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)
