from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from layover.data.formats import FileLayout, read
from layover.errors import DataError, ModelError
from layover.files.archives import archive_of, is_file, names_in, opened, unpack
from layover.identity import file_sha256
from layover.store.hashes import FileHashes


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "dev.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("dev/rows.jsonl", '{"text": "one"}\n{"text": "zwölf"}\n' * 50)
    return tmp_path / "dev.zip"


def test_a_file_in_an_archive_is_a_file(archive: Path) -> None:
    inside = archive / "dev" / "rows.jsonl"
    assert archive_of(inside) == archive
    assert archive_of(archive) is None
    assert is_file(inside)
    assert is_file(archive)
    assert not is_file(archive / "rows.jsonl")
    assert not is_file(archive.parent / "other.zip" / "rows.jsonl")
    rows = list(read(inside, FileLayout(format="jsonl")))
    assert [row.values["text"] for row in rows[:2]] == ["one", "zwölf"]
    assert rows[1].where() == f"{inside}:2"


def test_its_hash_is_that_of_the_unpacked_file(archive: Path) -> None:
    inside = archive / "dev" / "rows.jsonl"
    with opened(inside) as stream:
        expected = hashlib.sha256(stream.read()).hexdigest()
    assert file_sha256(inside) == expected
    hashes = FileHashes()
    assert hashes(inside) == expected
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("dev/rows.jsonl", "{}\n")
    assert hashes(inside) == file_sha256(inside) != expected


def test_what_cannot_be_read_is_one_error(archive: Path) -> None:
    with pytest.raises(DataError, match=r"dev\.zip/dev/row: There is no item named 'dev/row'"):
        list(read(archive / "dev" / "row", FileLayout(format="jsonl")))
    content = bytearray(archive.read_bytes())
    content[60:70] = bytes(10)
    archive.write_bytes(content)
    with pytest.raises(
        DataError, match=r"rows\.jsonl: the file is damaged, or is not a zip archive .*; fetch it again"
    ):
        list(read(archive / "dev" / "rows.jsonl", FileLayout(format="jsonl")))
    archive.write_text("no archive")
    with pytest.raises(
        DataError,
        match=r"dev\.zip: the file is damaged, or is not a zip archive \(File is not a zip file\); fetch it again",
    ):
        is_file(archive / "dev" / "rows.jsonl")


def encrypted(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)


def packed_in_another_way(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 9
    archive.write_bytes(content)


def of_a_newer_form(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 200
    archive.write_bytes(content)


def ends_in_a_file(archive: Path) -> None:
    """Its entry is the last thing in it, and claims more bytes than there are."""
    content = archive.read_bytes()
    listed, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = bytearray(content[listed:end])
    entry[42:46] = struct.pack("<I", len(entry))  # where the file lies: behind the list
    last = bytearray(content[end:])
    last[16:20] = struct.pack("<I", 0)
    archive.write_bytes(bytes(entry) + content[: listed - 40] + bytes(last[:-2]) + b"\0\0")


def of_lzma(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("dev/rows.jsonl", bytes(range(256)) * 50)
    content = bytearray(archive.read_bytes())
    content[60:90] = b"\xff" * 30
    archive.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (encrypted, "is encrypted, password required"),
        (packed_in_another_way, "compression"),
        (of_a_newer_form, "zip file version"),
        (ends_in_a_file, "damaged, or is not a zip archive"),
        (of_lzma, "damaged, or is not a zip archive"),
    ],
)
def test_whatever_is_wrong_with_an_archive_is_one_error(
    archive: Path, change: Callable[[Path], object], message: str
) -> None:
    """And the same one where the archive is unpacked, which refuses some of it for other reasons."""
    change(archive)
    with pytest.raises(DataError, match=f"{archive.name}.*{message}"):
        file_sha256(archive / "dev" / "rows.jsonl")
    with pytest.raises(ModelError, match=archive.name):
        unpack(archive, archive.parent / "out")
    assert not (archive.parent / "out").exists()


@pytest.mark.parametrize("error", [ValueError, KeyError, RuntimeError, OSError])
def test_an_error_of_the_reader_stays_its_own(archive: Path, error: type[Exception]) -> None:
    with pytest.raises(error, match="mine"), opened(archive / "dev" / "rows.jsonl"):
        raise error("mine")


def test_the_names_in_a_folder_of_an_archive(archive: Path) -> None:
    assert names_in(archive) == {"dev"}
    assert names_in(archive / "dev") == {"rows.jsonl"}
    assert names_in(archive / "other") == set()
    assert names_in(archive.parent) is None
    archive.write_text("no archive")
    with pytest.raises(DataError, match="damaged, or is not a zip archive"):
        names_in(archive / "dev")


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_damage_of_an_archive_passes_as_an_error_of_the_system(tmp_path: Path, how: int) -> None:
    """Each byte of a small archive is replaced; bzip2 has an OSError for its data, and a place before the file, too."""
    archive = tmp_path / "rows.zip"
    with zipfile.ZipFile(archive, "w", how) as file:
        file.writestr("rows.jsonl", '{"text": "a"}\n' * 40)
    content, messages = archive.read_bytes(), []
    for place in range(len(content)):
        archive.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        for read_it in (is_file, file_sha256, lambda path: names_in(path.parent)):
            try:
                read_it(archive / "rows.jsonl")
            except DataError as error:  # any other error fails the test
                messages.append(str(error))
    assert len(messages) > 20
    assert all(message.startswith(str(archive)) for message in messages)


def test_damage_of_a_file_in_an_archive_is_not_damage_of_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as file:
        file.writestr("rows.jsonl.bz2", "no bzip2")
    with pytest.raises(DataError, match=r"rows\.jsonl\.bz2: cannot be read \(Invalid data stream\)"):
        list(read(tmp_path / "rows.zip" / "rows.jsonl.bz2", FileLayout(format="jsonl")))
