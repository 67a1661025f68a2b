"""Files inside a zip archive, named by a path through it: `siqa/dev.zip/siqa-dev/dev.jsonl`; nothing is unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import cast
from zipfile import BadZipFile, ZipFile

from layover.errors import DataError

SUFFIX = ".zip"


def archive_of(path: Path) -> Path | None:
    """Return the archive that a path goes through; None for an ordinary path."""
    return next((parent for parent in path.parents if parent.suffix.lower() == SUFFIX and parent.is_file()), None)


def is_file(path: Path) -> bool:
    """Return whether there is a file, on the disk or in an archive."""
    try:
        archive = archive_of(path)
        if archive is None:
            return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False
    with _opened(archive) as names:
        return _member(path, archive) in names.namelist()


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading, on the disk or in an archive.

    Raises:
        OSError: it is not there.
        DataError: the archive is damaged, has no such file, or is locked by a password.
    """
    archive = archive_of(path)
    if archive is None:
        with path.open("rb") as stream:
            yield stream
        return
    with _opened(archive) as names:
        try:
            member = names.open(_member(path, archive))
        except (KeyError, BadZipFile, RuntimeError, NotImplementedError) as error:
            raise DataError(f"{path}: {error.args[0]}") from error
        with member:
            try:
                yield BufferedReader(cast("RawIOBase", member))
            except (BadZipFile, zlib.error) as error:
                raise DataError(f"{path}: the archive is damaged ({error}); fetch it again") from error


@contextmanager
def _opened(archive: Path) -> Iterator[ZipFile]:
    try:
        names = ZipFile(archive)
    except BadZipFile as error:
        raise DataError(f"{archive}: {error}; fetch it again") from error
    with names:
        yield names


def _member(path: Path, archive: Path) -> str:
    return path.relative_to(archive).as_posix()
