"""Untrusted zip archives: a file is read inside the archive; a whole archive is unpacked, all of it or nothing.

A path names a file in an archive: `siqa/dev.zip/siqa-dev/dev.jsonl`. An archive is unpacked into a new folder: nothing
is written outside of it, and no link or device is made. The sizes that an archive claims are not trusted: bytes are
counted while they are read. Archives in an archive are not unpacked.
"""

from __future__ import annotations

import errno
import lzma
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast
from unicodedata import normalize
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipExtFile, ZipFile, ZipInfo

from layover.errors import DataError, ModelError, printable
from layover.files.safe import plain_file

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIX = ".zip"
MOST_ENTRIES = 1000
"""The limit for an archive that is unpacked."""
MOST_BYTES = 8 * 2**30
"""The limit for all unpacked files together."""
MOST_RATIO = 100
"""Unpacked bytes for each packed byte; trained weights reach 1.1, JSON 5."""
MOST_FREE = 2**20
"""Bytes of an entry that may be packed more densely, and 16 times as many for all entries: a text of spaces is no
attack."""
MOST_NAME, MOST_DEPTH = 200, 8
_BLOCK = 2**20
_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_LISTED = 512
"""Bytes that an entry may take in the list of entries."""
_BROKEN = (BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
"""The errors of zipfile when it reads the bytes of an entry; an OSError only if its number is in `_DAMAGED`."""
_DAMAGED = {None, errno.EINVAL}
"""The numbers of the system in errors of damaged archives: bzip2 sets none, and a place before the file is invalid."""
_WRONG = (*_BROKEN, struct.error, ValueError, KeyError, RuntimeError)
"""The errors of zipfile when it reads the list of entries or opens an entry; NotImplementedError is a RuntimeError."""


def archive_of(path: Path) -> Path | None:
    """Return the archive that a path goes through, or None for an ordinary path."""
    return next((parent for parent in path.parents if _is_archive(parent)), None)


def is_file(path: Path) -> bool:
    """Return whether a file exists, on the disk or in an archive.

    Raises:
        DataError: The archive is damaged.
    """
    try:
        archive = archive_of(path)
        if archive is None:
            return path.is_file()
    except OSError:  # the name is too long, or the folder may not be read
        return False
    with _entries(archive, DataError) as entries:
        return _member(path, archive) in entries.namelist()


def names_in(folder: Path) -> set[str] | None:
    """Return the names in an archive or in a folder of it, or None for an ordinary folder.

    Raises:
        OSError: The folder cannot be read.
        DataError: The archive is damaged.
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
        OSError: The file does not exist.
        DataError: The archive is damaged, does not have the file, or has a password.
    """
    archive = archive_of(path)
    if archive is None:
        with path.open("rb") as stream:
            yield stream
        return
    with _entries(archive, DataError) as entries:
        with _mistakes(path, DataError, _WRONG):
            member = cast("ZipExtFile", entries.open(_member(path, archive)))
        with member:
            yield BufferedReader(_Member(member, path))


class _Member(RawIOBase):
    """The bytes of a file in an archive; only errors of the archive itself become errors of Layover.

    Args:
        member: The file, opened by zipfile.
        path: Its path, for messages.
    """

    def __init__(self, member: ZipExtFile, path: Path) -> None:
        super().__init__()
        self._member, self._path = member, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._member.seekable()

    def readinto(self, buffer: WriteableBuffer) -> int:
        with _mistakes(self._path, DataError, _BROKEN):
            return self._member.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _mistakes(self._path, DataError, _BROKEN):
            return self._member.seek(offset, whence)

    def tell(self) -> int:
        return self._member.tell()


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX and path.is_file()


def _member(path: Path, archive: Path) -> str:
    return path.relative_to(archive).as_posix()


@contextmanager
def _entries(archive: Path, kind: type[DataError | ModelError]) -> Iterator[ZipFile]:
    """Open an archive and read the list of its entries.

    Raises:
        DataError | ModelError: The class is `kind`. The archive is damaged, or the file is not a zip archive.
    """
    with _mistakes(archive, kind, _WRONG):
        entries = ZipFile(archive)
    with entries:
        yield entries


@contextmanager
def _mistakes(where: Path, kind: type[DataError | ModelError], errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn the errors of zipfile in a block into an error of Layover.

    Args:
        where: The archive, or a file in it.
        kind: The class of the error.
        errors: The errors of zipfile to turn. The caller's block may raise other errors, which pass through.
    """
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.errno not in _DAMAGED:
            raise
        words = printable(str(error.args[0] if error.args else error))[:200]
        if isinstance(error, KeyError | RuntimeError):  # the entry is missing, has a password, or another compression
            raise kind(f"{where}: {words}") from error
        raise kind(f"{where}: the file is damaged, or is not a zip archive ({words}); fetch it again") from error


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a new folder.

    Args:
        archive: A zip file.
        folder: The new folder; its parent exists. After an error the folder does not exist.

    Raises:
        ModelError: The folder exists; or the archive is damaged, has a password, is too large, or has an entry that is
            no ordinary file or folder.
    """
    if folder.exists():
        raise ModelError(f"{folder} already exists; name another folder, or remove this one first")
    packed = plain_file(archive).stat().st_size
    _check_end(archive, packed)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".layover.") as temporary:
        work = Path(temporary) / "unpacked"  # other users cannot read the temporary directory itself
        work.mkdir()
        with _entries(archive, ModelError) as entries, _mistakes(archive, ModelError, _WRONG):
            _unpack(entries, work, str(archive), packed)
        work.rename(folder)


def _check_end(archive: Path, size: int) -> None:
    """Refuse an archive with a large list of entries before it is read; the end of the archive names its size."""
    with archive.open("rb") as stream:
        stream.seek(max(0, size - 2**16 - 22))
        tail = stream.read()
    place = len(tail) - 22 if tail[-22:-18] == _END and tail[-2:] == b"\0\0" else tail.rfind(_END)
    if place < 0 or len(tail) - place < 22:
        raise ModelError(f"{archive}: the file is not a zip archive")
    entries, listed = struct.unpack("<HI", tail[place + 10 : place + 16])
    if place >= 20 and tail[place - 20 : place - 16] == _LOCATOR:
        raise ModelError(f"{archive}: the archive has the ZIP64 format for more than 4 GB; pack it as an ordinary zip")
    if entries > MOST_ENTRIES or listed > MOST_ENTRIES * _LISTED:
        raise ModelError(f"{archive}: the archive has {entries} entries, but at most {MOST_ENTRIES} are unpacked")


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
                        f"{where}: {name}: the entry is too large when unpacked; at most {MOST_RATIO} bytes for each "
                        f"packed byte, and {MOST_BYTES} bytes in all, are unpacked"
                    )


def _named(infos: list[ZipInfo], where: str, packed: int) -> Iterator[tuple[ZipInfo, str]]:
    """Yield the entries with their names, after each entry and all entries together were checked.

    Raises:
        ModelError: An entry is not an ordinary file or folder, has a name that leaves the folder, or has the same
            name as another entry on some file systems.
    """
    if len(infos) > MOST_ENTRIES:
        raise ModelError(f"{where}: the archive has {len(infos)} entries, but at most {MOST_ENTRIES} are unpacked")
    spelled: dict[str, str] = {}
    files: set[str] = set()
    checked = []
    for info in infos:
        if not 0 <= info.header_offset < packed:
            raise ModelError(f"{where}: the archive is damaged: an entry is outside of it; fetch it again")
        name = _name(info, where)
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if spelled.setdefault(_folded(path), path) != path:
                raise ModelError(
                    f"{where}: {path!r} and {spelled[_folded(path)]!r} are the same name on some file systems"
                )
            if depth < len(parts) and path in files:
                raise ModelError(f"{where}: {path!r} is both a file and a folder")
        if not _is_folder(info):
            if name in files:
                raise ModelError(f"{where}: {name!r} appears twice")
            if any(path.startswith(f"{name}/") for path in spelled.values()):
                raise ModelError(f"{where}: {name!r} is both a file and a folder")
            files.add(name)
        checked.append((info, name))
    yield from checked


def _is_folder(info: ZipInfo) -> bool:
    return info.orig_filename.endswith("/")


def _folded(path: str) -> str:
    """Return a name as file systems see it that ignore case, or the form of a Unicode letter."""
    return normalize("NFKC", path).casefold()


def _name(info: ZipInfo, where: str) -> str:
    """Return the name of an entry, without a slash at its end."""
    entry = f"{where}: {printable(info.orig_filename[:80])!r}"
    if info.flag_bits & 0x2041:
        raise ModelError(f"{entry}: the entry has a password; pack it without a password")
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise ModelError(f"{entry}: the compression of the entry is not supported; store or deflate it")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFDIR if _is_folder(info) else stat.S_IFREG}:
        raise ModelError(f"{entry}: the entry is a link, or is not an ordinary file")
    name = info.orig_filename.removesuffix("/") if _is_folder(info) else info.orig_filename
    parts = name.split("/")
    plain = name.isprintable() and not set(name) & set('\\:*?"<>|') and len(parts) <= MOST_DEPTH
    if not plain or not all(part and len(part) <= MOST_NAME and not part.endswith((".", " ")) for part in parts):
        raise ModelError(f"{entry}: the entry has no plain name of a file in a folder")
    if _is_folder(info) and info.file_size:
        raise ModelError(f"{entry}: the entry is a folder, but has bytes of its own")
    return name
