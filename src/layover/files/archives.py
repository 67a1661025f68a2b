"""Zip archives of strangers: a file inside one is read where it lies; a whole one is unpacked, all of it or nothing.

A path names a file inside: `siqa/dev.zip/siqa-dev/dev.jsonl`. What is unpacked goes into a fresh folder: nothing is
written outside of it, no link or device is made, and what an archive claims of itself is not believed: bytes are
counted while they are read. Archives inside stay what they are, files.
"""

from __future__ import annotations

import lzma
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from typing import cast
from unicodedata import normalize
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from layover.errors import DataError, ModelError, printable
from layover.files.safe import plain_file

SUFFIX = ".zip"
MOST_ENTRIES = 1000
"""Of an archive that is unpacked."""
MOST_BYTES = 8 * 2**30
"""Of all that is unpacked."""
MOST_RATIO = 100
"""Unpacked bytes for each packed one; trained weights give 1.1, JSON 5."""
MOST_FREE = 2**20
"""Bytes of an entry, and of all of them sixteen times as many, that may be packed more densely: a text of spaces is no
attack."""
MOST_NAME, MOST_DEPTH = 200, 8
_BLOCK = 2**20
_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_LISTED = 512
"""Bytes that the list of an archive may have for an entry."""
_BROKEN = (BadZipFile, zlib.error, lzma.LZMAError, EOFError)
"""What zipfile raises where it reads the bytes of an entry."""
_WRONG = (*_BROKEN, struct.error, ValueError, KeyError, RuntimeError)
"""What it raises where it reads the list of entries, or opens one; NotImplementedError is a RuntimeError."""


def archive_of(path: Path) -> Path | None:
    """Return the archive that a path goes through; None for an ordinary path."""
    return next((parent for parent in path.parents if _is_archive(parent)), None)


def is_file(path: Path) -> bool:
    """Return whether there is a file, on the disk or in an archive.

    Raises:
        DataError: the archive is damaged.
    """
    try:
        archive = archive_of(path)
        if archive is None:
            return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False
    with _entries(archive, DataError) as entries:
        return _member(path, archive) in entries.namelist()


def names_in(folder: Path) -> set[str] | None:
    """Return what lies in a folder of an archive, or in an archive itself; None for an ordinary folder.

    Raises:
        OSError: the folder cannot be looked at.
        DataError: the archive is damaged.
    """
    archive = folder if _is_archive(folder) else archive_of(folder)
    if archive is None:
        return None
    below = folder.relative_to(archive).parts
    with _entries(archive, DataError) as entries:
        paths = [PurePosixPath(name).parts for name in entries.namelist()]
    return {parts[len(below)] for parts in paths if len(parts) > len(below) and parts[: len(below)] == below}


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
    with _entries(archive, DataError) as entries:
        with _mistakes(path, DataError, _WRONG):
            member = entries.open(_member(path, archive))
        with member, _mistakes(path, DataError, _BROKEN):
            yield BufferedReader(cast("RawIOBase", member))


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX and path.is_file()


def _member(path: Path, archive: Path) -> str:
    return path.relative_to(archive).as_posix()


@contextmanager
def _entries(archive: Path, kind: type[DataError | ModelError]) -> Iterator[ZipFile]:
    """Open an archive and read the list of its entries.

    Raises:
        DataError | ModelError: the one that `kind` is; the archive is damaged, or none.
    """
    with _mistakes(archive, kind, _WRONG):
        entries = ZipFile(archive)
    with entries:
        yield entries


@contextmanager
def _mistakes(where: Path, kind: type[DataError | ModelError], errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what zipfile raises in a block into an error of ours.

    Args:
        where: The archive, or a file in it.
        kind: Of the error.
        errors: Those of zipfile that are meant; a block that others continue raises more of its own.
    """
    try:
        yield
    except errors as error:
        words = printable(str(error.args[0] if error.args else error))[:200]
        if isinstance(error, KeyError | RuntimeError):  # no such entry, a password, another way of packing
            raise kind(f"{where}: {words}") from error
        raise kind(f"{where}: damaged, or no zip archive ({words}); fetch it again") from error


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder that is not there yet.

    Args:
        archive: A zip file.
        folder: Is made; its parent is there. After an error it is not there.

    Raises:
        ModelError: the folder exists; or the archive is damaged, locked, too large, or has an entry that has no place
            in a folder of ordinary files.
    """
    if folder.exists():
        raise ModelError(f"{folder} exists; name another folder, or remove it first")
    packed = plain_file(archive).stat().st_size
    _check_end(archive, packed)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".layover.") as temporary:
        work = Path(temporary) / "unpacked"  # the temporary directory itself is closed to others
        work.mkdir()
        with _entries(archive, ModelError) as entries, _mistakes(archive, ModelError, _WRONG):
            _unpack(entries, work, str(archive), packed)
        work.rename(folder)


def _check_end(archive: Path, size: int) -> None:
    """Refuse an archive whose list of entries is large, before it is read: where it ends stands how large it is."""
    with archive.open("rb") as stream:
        stream.seek(max(0, size - 2**16 - 22))
        tail = stream.read()
    place = len(tail) - 22 if tail[-22:-18] == _END and tail[-2:] == b"\0\0" else tail.rfind(_END)
    if place < 0 or len(tail) - place < 22:
        raise ModelError(f"{archive}: no zip archive")
    entries, listed = struct.unpack("<HI", tail[place + 10 : place + 16])
    if place >= 20 and tail[place - 20 : place - 16] == _LOCATOR:
        raise ModelError(f"{archive}: an archive in the form for more than 4 GB; a package needs none")
    if entries > MOST_ENTRIES or listed > MOST_ENTRIES * _LISTED:
        raise ModelError(f"{archive}: {entries} entries; at most {MOST_ENTRIES} are unpacked")


def _unpack(entries: ZipFile, work: Path, where: str, packed: int) -> None:
    total = 0
    for info, name in _named(entries.infolist(), where, packed):
        target = work / name
        if _is_folder(info):
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with entries.open(info) as source, target.open("xb") as sink:
            while block := source.read(_BLOCK):
                sink.write(block)
                total += len(block)
                dense = sink.tell() > MOST_FREE + MOST_RATIO * info.compress_size
                if dense or total > min(MOST_BYTES, 16 * MOST_FREE + MOST_RATIO * packed):
                    raise ModelError(
                        f"{where}: {name}: unpacks to far more than it has; at most {MOST_RATIO} bytes for each packed "
                        f"one, and {MOST_BYTES} in all, are unpacked"
                    )


def _named(infos: list[ZipInfo], where: str, packed: int) -> Iterator[tuple[ZipInfo, str]]:
    """Yield the entries with their names, each checked, and all of them against one another.

    Raises:
        ModelError: one is no ordinary file or folder, or has a name that leaves the folder, or that another file
            system takes for that of another entry.
    """
    if len(infos) > MOST_ENTRIES:
        raise ModelError(f"{where}: {len(infos)} entries; at most {MOST_ENTRIES} are unpacked")
    spelled: dict[str, str] = {}
    files: set[str] = set()
    checked = []
    for info in infos:
        if not 0 <= info.header_offset < packed:
            raise ModelError(f"{where}: damaged: an entry lies outside of it")
        name = _name(info, where)
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if spelled.setdefault(_folded(path), path) != path:
                raise ModelError(f"{where}: {path!r} and {spelled[_folded(path)]!r} are one name on some file systems")
            if depth < len(parts) and path in files:
                raise ModelError(f"{where}: {path!r} is a file, and a folder too")
        if not _is_folder(info):
            if name in files or any(path.startswith(f"{name}/") for path in spelled.values()):
                raise ModelError(f"{where}: {name!r} stands in it twice")
            files.add(name)
        checked.append((info, name))
    yield from checked


def _is_folder(info: ZipInfo) -> bool:
    return info.orig_filename.endswith("/")


def _folded(path: str) -> str:
    """Return a name as file systems that know no case, or one form of each letter, see it."""
    return normalize("NFKC", path).casefold()


def _name(info: ZipInfo, where: str) -> str:
    """Return the name of an entry, without a slash at its end."""
    entry = f"{where}: {printable(info.orig_filename[:80])!r}"
    if info.flag_bits & 0x2041:
        raise ModelError(f"{entry}: locked by a password")
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise ModelError(f"{entry}: packed in a way that is not unpacked here; store or deflate it")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFDIR if _is_folder(info) else stat.S_IFREG}:
        raise ModelError(f"{entry}: a link, or no ordinary file")
    name = info.orig_filename.removesuffix("/") if _is_folder(info) else info.orig_filename
    parts = name.split("/")
    plain = name.isprintable() and not set(name) & set('\\:*?"<>|') and len(parts) <= MOST_DEPTH
    if not plain or not all(part and len(part) <= MOST_NAME and not part.endswith((".", " ")) for part in parts):
        raise ModelError(f"{entry}: no plain name inside a folder")
    if _is_folder(info) and info.file_size:
        raise ModelError(f"{entry}: a folder with content")
    return name
