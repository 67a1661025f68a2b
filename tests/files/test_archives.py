from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from layover.data.formats import FileLayout, read
from layover.errors import DataError
from layover.files.archives import archive_of, is_file, opened
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
    with pytest.raises(DataError, match=r"rows\.jsonl: the archive is damaged .*; fetch it again"):
        list(read(archive / "dev" / "rows.jsonl", FileLayout(format="jsonl")))
    archive.write_text("no archive")
    with pytest.raises(DataError, match=r"dev\.zip: File is not a zip file; fetch it again"):
        is_file(archive / "dev" / "rows.jsonl")
