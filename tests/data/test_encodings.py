"""Bytes of a file: encodings, compressions, what is no text; told with the line and what to declare."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from layover.data import formats
from layover.data.formats import FileLayout
from layover.data.tally import Tally
from layover.errors import DataError

TABLE = "text,label\nsch\u00f6n,pos\nb,neg\n"


def read(path: Path, content: bytes, format: str = "csv", tally: Tally | None = None, **layout: object) -> list[dict]:  # noqa: A002
    path.write_bytes(content)
    return [dict(row.values) for row in formats.read(path, FileLayout(format=format, **layout), tally)]  # type: ignore[arg-type]


def refused(path: Path, content: bytes, format: str = "csv", **layout: object) -> str:  # noqa: A002
    with pytest.raises(DataError) as error:
        read(path, content, format, **layout)
    message = str(error.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso-8859-15", "utf-16", "utf-32", "mac-roman", "utf-8"])
def test_a_declared_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path / "a", TABLE.encode(encoding), encoding=encoding)[0] == {"text": "sch\u00f6n", "label": "pos"}


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, encoding: str, mark: bool) -> None:
    content = ("\ufeff" * mark + TABLE).encode(encoding)
    assert list(read(tmp_path / "a", content, encoding=encoding)[0]) == ["text", "label"]


def test_bytes_that_are_not_utf_8_are_told_with_their_line(tmp_path: Path) -> None:
    message = refused(tmp_path / "a", TABLE.encode("cp1252"))
    assert message.startswith(":2: not UTF-8: the bytes f6 in b'sch\\xf6n,pos'; save the file as UTF-8, or declare its")
    assert "(`encoding: cp1252` reads 'sch\u00f6n,pos')" in message
    assert "declare `errors: replace` to read such bytes as U+FFFD" in message
    # 0x81 is no character of cp1252
    assert "`encoding: latin-1` reads" in refused(tmp_path / "a", b"text\n\x81\n")
    assert refused(tmp_path / "a", b"text\n\x81\n", encoding="cp1252").startswith(":2: not cp1252: the bytes 81 in")


@pytest.mark.parametrize(
    ("content", "layout", "message"),
    [
        (TABLE.encode("utf-16"), {}, ": begins with the byte order mark of utf-16; declare `encoding: utf-16`"),
        (TABLE.encode("utf-32"), {}, ": begins with the byte order mark of utf-32; declare `encoding: utf-32`"),
        (b"a,b\n".decode().encode("utf-16-le"), {}, ":1: the line has a NUL character; remove it, or declare"),
        (
            TABLE.encode("utf-16-be"),
            {"encoding": "utf-16"},
            ": has no byte order mark of utf-16; declare its byte order",
        ),
        (
            b"\xfe\xff" + TABLE.encode("utf-16-be"),
            {"encoding": "utf-16-le"},
            ": its byte order mark does not fit utf-16-le",
        ),
        (b"text,label\na\0b,pos\n", {}, ":2: the line has a NUL character"),
        (gzip.compress(b"a", mtime=0), {}, ": is compressed by gzip; add the extension .gz"),
        (bz2.compress(b"a"), {}, ": is compressed by bzip2"),
        (lzma.compress(b"a"), {}, ": is compressed by xz"),
        (b"PK\x03\x04 \x00", {}, ": is a zip archive or a spreadsheet"),
        (b"PAR1\x15\x04", {}, ": is a Parquet file; declare `format: parquet`"),
        (b"version https://git-lfs.github.com/spec/v1\n", {}, ": is a pointer of Git LFS"),
        (b"<!DOCTYPE html>\n<html>", {}, ": is a web page (HTML)"),
        (b"text,label\na,pos\rb,neg\n", {}, ":2: the row has CR (a carriage return) alone"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, layout: dict[str, str], message: str) -> None:
    assert refused(tmp_path / "a", content, **layout).startswith(message)


def test_a_page_of_the_web_may_be_a_text(tmp_path: Path) -> None:
    assert read(tmp_path / "a", b"<html>\n", "text") == [{"text": "<html>"}]
    assert read(tmp_path / "a", b"PAR1 is a word\n", "text") == [{"text": "PAR1 is a word"}]


def test_replaced_bytes_are_counted(tmp_path: Path) -> None:
    tally = Tally()
    found = read(tmp_path / "a", b"text\nsch\xf6n\nb\n\xff\n", tally=tally, errors="replace")
    assert [row["text"] for row in found] == ["sch\ufffdn", "b", "\ufffd"]
    (told,) = tally.otherwise()
    assert (told.count, told.first) == (2, f"{tmp_path / 'a'}:2")
    assert told.reason == "line with bytes that are not in the encoding, read as U+FFFD"
    assert tally.left_out() == ()


def test_an_encoding_that_is_another_in_truth_is_told(tmp_path: Path) -> None:
    tally = Tally()
    read(tmp_path / "a", TABLE.encode(), tally=tally, encoding="latin-1")
    assert [(one.reason, one.count) for one in tally.left_out()] == [
        ("line that is valid UTF-8 and read in another encoding", 1)
    ]
    tally = Tally()
    read(tmp_path / "a", "text\n\u201ca\u201d\n".encode("cp1252"), tally=tally, encoding="latin-1")
    assert [one.reason for one in tally.left_out()] == ["line with control characters (U+0080 to U+009F)"]
    # a line that is no UTF-8 clears the others, and so does the right encoding
    for content, encoding in ((TABLE.encode() + b"\xf6,pos\n", "latin-1"), (TABLE.encode("cp1252"), "cp1252")):
        tally = Tally()
        read(tmp_path / "a", content, tally=tally, encoding=encoding)
        assert tally.left_out() == ()


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_damaged_compressed_file_is_an_error(tmp_path: Path, suffix: str) -> None:
    pack = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    }[suffix]
    whole = pack(bytes(range(33, 120)) * 3000)
    for damaged in (whole[: len(whole) // 2], TABLE.encode(), whole[:12] + bytes(40) + whole[52:]):
        assert ": cannot be read (" in refused(tmp_path / f"a.csv{suffix}", damaged)


def test_a_carriage_return_within_a_text_is_counted(tmp_path: Path) -> None:
    tally = Tally()
    assert len(read(tmp_path / "a", b"a\rb\nc\r\n", "text", tally=tally)) == 2
    assert [(one.reason, one.count) for one in tally.left_out()] == [("carriage return within a line", 1)]


@pytest.mark.parametrize("format", ["csv", "jsonl", "conll", "conllu", "text", "lines"])
def test_an_empty_file_has_no_rows(tmp_path: Path, format: str) -> None:  # noqa: A002
    for content in (b"", b"\xef\xbb\xbf", b"\n"):
        assert read(tmp_path / "a", content, format) == []


def test_the_usual_settings_leave_the_identity_as_it_was() -> None:
    plain = {"format": "csv", "header": None, "optional": 0, "quoting": True, "separator": "tab", "errors": "strict"}
    assert FileLayout(format="csv").identity() == plain
    assert FileLayout(format="csv", plain=True).identity() == plain
    assert FileLayout(format="csv", separator="comma").identity() == plain
    assert FileLayout(format="conll", separator="whitespace").identity()["separator"] == "whitespace"
    assert FileLayout(format="conll", separator="tab").identity() == FileLayout(format="conll").identity()
    assert FileLayout(format="csv", separator="tab").identity()["separator"] == "\t"
    assert (
        FileLayout(format="csv", separator=";").identity() == FileLayout(format="csv", separator="semicolon").identity()
    )
    assert FileLayout(format="csv", encoding="latin-1").identity()["encoding"] == "iso8859-1"
    assert FileLayout(format="conllu", plain=True).identity()["plain"] is True
