"""Errors of a disk without room: it is full, over a quota, or a file is past the limit of its size."""

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
"""safetensors and tokenizers are written in Rust; only the text of their errors has the error number."""


def full(error: BaseException) -> int | None:
    """Return the error number if an error or its cause means that a disk has no room, else None."""
    seen: BaseException | None = error
    while seen is not None:
        number = seen.errno if isinstance(seen, OSError) and seen.errno else _number(str(seen))
        if number in FULL:
            return number
        seen = seen.__cause__ or seen.__context__
    return None


def _number(text: str) -> int | None:
    match = _RUST.search(text)
    return int(match[1]) if match else None


def message_of(error: BaseException, place: Path | None = None) -> str:
    """Return a message for the user on a disk without room.

    Args:
        error: An error for which `full` returns a number.
        place: The folder that was written; a path outside of it in the error is named instead.
    """
    number, name = full(error) or errno.ENOSPC, _name(error)
    if place is not None and (name is None or Path(name).is_relative_to(place)):
        name = str(place)
    where = f"{name}: " if name is not None else ""
    return f"{where}{os.strerror(number)}; {_ADVICE[number]}, then run the same command again"


_ADVICE = {
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
    """Add the path of the written file to an error of a disk without room.

    Python names the file only if opening it fails.

    Raises:
        OSError: The disk has no room; the error has the path.
    """
    try:
        yield
    except Exception as error:
        number = full(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def allocate(path: Path, size: int) -> None:
    """Create a file of a size, and reserve its room on the disk.

    Writing to a memory map of a file without room kills the process.

    Raises:
        OSError: The disk has no room.
    """
    with naming(path), path.open("wb") as stream:
        take_room(stream.fileno(), size)


def take_room(file: int, size: int) -> None:
    """Set the size of an open file; reserve its room where the system can do that (not on macOS).

    Raises:
        OSError: The disk has no room.
    """
    if sys.platform == "linux" and size:
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)
