"""Unpacking: a good archive as any tool would, a bad one not at all, and never a file outside of the folder."""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover.errors import ModelError
from layover.files.archives import MOST_ENTRIES, unpack

Fill = Callable[[ZipFile], object]


def archive(tmp_path: Path, fill: Fill, how: int = ZIP_DEFLATED) -> Path:
    file = tmp_path / "x.zip"
    with ZipFile(file, "w", how) as opened:
        fill(opened)
    return file


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def refused(file: Path, message: str) -> None:
    """Hold the archive to be refused, with nothing left of it anywhere."""
    root = file.parent
    before = set(root.rglob("*"))
    with pytest.raises(ModelError, match=message):
        unpack(file, root / "out")
    assert set(root.rglob("*")) == before


@pytest.mark.parametrize("how", [ZIP_STORED, ZIP_DEFLATED])
def test_a_good_one(tmp_path: Path, how: int) -> None:
    files = {"a.txt": b"one", "b/c.txt": b"two" * 1000, "b/d/e": b"", "inner.zip": b"PK\x03\x04"}

    def fill(opened: ZipFile) -> None:
        opened.mkdir("b")
        for name, content in files.items():
            opened.writestr(name, content)
        opened.mkdir("empty")

    unpack(archive(tmp_path, fill, how), tmp_path / "out")
    assert everything(tmp_path / "out") == files  # what looks like an archive inside stays a file
    assert (tmp_path / "out" / "empty").is_dir()


def test_a_comment_as_github_writes_it(tmp_path: Path) -> None:
    def fill(opened: ZipFile) -> None:
        opened.writestr("a", b"x")
        opened.comment = b"39be81ec6faf852db9e6f8af270d9ca0a498101f"

    unpack(archive(tmp_path, fill), tmp_path / "out")
    assert everything(tmp_path / "out") == {"a": b"x"}


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    file = archive(tmp_path, lambda opened: opened.writestr("a", b"x"))
    (tmp_path / "out").mkdir()
    refused(file, "exists")


NAMES = [
    "../evil",
    "a/../../evil",
    "a/../b",
    "/etc/evil",
    "//evil",
    "a//b",
    "./a",
    "a/./b",
    "..",
    "a\\..\\evil",
    "C:evil",
    "C:\\evil",
    "a\0b",
    "a\nb",
    "\u202etxt.exe",
    "a/" * 9 + "b",
    "x" * 201,
    "name.",
    "name ",
    "a*",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_or_are_none(tmp_path: Path, name: str) -> None:
    def fill(opened: ZipFile) -> None:
        opened.writestr("good", b"x")
        info = ZipInfo("placeholder")
        info.filename = info.orig_filename = name
        opened.writestr(info, b"evil")

    refused(archive(tmp_path, fill), "no plain name of a file in a folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_devices(tmp_path: Path, kind: int) -> None:
    def fill(opened: ZipFile) -> None:
        info = ZipInfo("link")
        info.external_attr = (kind | 0o777) << 16
        opened.writestr(info, "/etc/passwd")

    refused(archive(tmp_path, fill), "a link, or is not an ordinary file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "a"), "'a' appears twice"),
        (("a/b", "a/b"), "'a/b' appears twice"),
        (("a", "A"), "the same name on some file systems"),
        (("Straße", "STRASSE"), "the same name on some file systems"),
        (("\u00e9", "e\u0301"), "the same name on some file systems"),
        (("b/c", "B/d"), "the same name on some file systems"),
        (("a", "a/b"), "is both a file and a folder"),
        (("a/b", "a"), "'a' is both a file and a folder"),
    ],
)
def test_names_that_stand_for_each_other(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    def fill(opened: ZipFile) -> None:
        for number, name in enumerate(names):
            opened.writestr(name, str(number))

    refused(archive(tmp_path, fill), message)


def test_locked(tmp_path: Path) -> None:
    file = archive(tmp_path, lambda opened: opened.writestr("a", b"x"))
    content = bytearray(file.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    refused(file, "has a password")


@pytest.mark.parametrize("how", [ZIP_BZIP2, ZIP_LZMA])
def test_other_ways_of_packing(tmp_path: Path, how: int) -> None:
    refused(archive(tmp_path, lambda opened: opened.writestr("a", b"x" * 99), how), "is not supported")


def test_a_bomb(tmp_path: Path) -> None:
    refused(archive(tmp_path, lambda opened: opened.writestr("a", bytes(64 * 2**20))), "is too large when unpacked")


def test_many_small_bombs(tmp_path: Path) -> None:
    def fill(opened: ZipFile) -> None:
        for number in range(40):
            opened.writestr(f"{number}", bytes(2**20))

    refused(archive(tmp_path, fill), "is too large when unpacked")


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    file = archive(tmp_path, lambda opened: opened.writestr("a", bytes(64 * 2**20)))
    content = bytearray(file.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 20 : place + 24] = struct.pack("<I", 2**31)  # packed
    content[place + 24 : place + 28] = struct.pack("<I", 64 * 2**20)
    file.write_bytes(content)
    refused(file, "is too large when unpacked|damaged")


def test_too_many_entries(tmp_path: Path) -> None:
    def fill(opened: ZipFile) -> None:
        for number in range(MOST_ENTRIES + 1):
            opened.writestr(f"{number}", b"")

    refused(archive(tmp_path, fill), "1001 entries, but at most 1000")


def test_a_list_that_is_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = archive(tmp_path, lambda opened: opened.writestr("a", b"x"))
    content = bytearray(file.read_bytes())
    content[-10:-6] = struct.pack("<I", 2**31)
    file.write_bytes(content)
    monkeypatch.setattr("layover.files.archives.ZipFile", None)
    refused(file, "at most 1000")


def test_the_form_for_large_archives(tmp_path: Path) -> None:
    file = archive(tmp_path, lambda opened: opened.writestr("a", b"x"))
    content = file.read_bytes()
    file.write_bytes(content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:])
    refused(file, "the ZIP64 format for more than 4 GB")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06", b"text" * 100, bytes(22)])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    refused(file, "not a zip archive")


def test_a_link_to_an_archive_and_a_pipe(tmp_path: Path) -> None:
    file = archive(tmp_path, lambda opened: opened.writestr("a", b"x"))
    (tmp_path / "link.zip").symlink_to(file)
    refused(tmp_path / "link.zip", "not opened")
    os.mkfifo(tmp_path / "pipe.zip")
    refused(tmp_path / "pipe.zip", "not opened")


def test_a_wrong_checksum_leaves_nothing(tmp_path: Path) -> None:
    def fill(opened: ZipFile) -> None:
        opened.writestr("good", b"x" * 100)
        opened.writestr("bad", b"y" * 100)

    file = archive(tmp_path, fill, ZIP_STORED)
    content = file.read_bytes().replace(b"yyyy", b"zzzz", 1)
    file.write_bytes(content)
    refused(file, "damaged")


@settings(max_examples=150)
@given(data=st.data())
def test_damage_gives_files_inside_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as opened:
        opened.writestr("a/b.txt", b"hello " * 30)
        opened.writestr("c.bin", bytes(range(256)))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    root = tmp_path_factory.mktemp("fuzz")
    file = root / "x.zip"
    file.write_bytes(content)
    try:
        unpack(file, root / "out")
    except ModelError:
        assert [path.name for path in root.iterdir()] == ["x.zip"]
        return
    assert {path.name for path in root.iterdir()} == {"x.zip", "out"}
    assert not any(path.is_symlink() for path in root.rglob("*"))
