"""The probable type of a file by its first bytes, for messages: an archive, a web page, another encoding."""

from __future__ import annotations

import codecs
import re

_MAGIC = (
    (b"\x1f\x8b", "is compressed by gzip; add the extension .gz to its name"),
    (b"\xfd7zXZ\x00", "is compressed by xz; add the extension .xz to its name"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd; add the extension .zst to its name"),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet; name the file inside (ARCHIVE.zip/FILE), or save it as text"),
    (b"ARROW1\x00\x00", "is an Arrow file; declare `format: arrow`"),
    (b"\xff\xff\xff\xff", "is an Arrow stream; declare `format: arrow`"),
    (b"PAR1", "is a Parquet file; declare `format: parquet`"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old spreadsheet or document of Office; save it as text"),
    (b"%PDF-", "is a PDF; extract its text first"),
    (b"SQLite format 3\x00", "is an SQLite database; export the table as csv or jsonl"),
)

POINTER = b"version https://git-lfs.github.com/spec/"
_PAGE = re.compile(rb"\s*<(!doctype html|html)[\s>]", re.IGNORECASE)

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

LONGEST = 64
"""Number of first bytes that these functions need."""


def binary(head: bytes) -> str:
    """Return the type of a binary file by its first bytes, with advice; empty if the type is unknown."""
    if re.match(rb"BZh[1-9]1AY&SY", head):
        return "is compressed by bzip2; add the extension .bz2 to its name"
    if head.startswith(b"PAR1") and b"\x00" not in head and b"\x15" not in head:
        return ""  # a text that begins with PAR1
    return next((message for magic, message in _MAGIC if head.startswith(magic)), "")


def no_data(head: bytes) -> str:
    """Return the reason why a text file holds no data, by its first bytes, with advice; empty if unknown."""
    if head.startswith(POINTER):
        return "is a pointer of Git LFS, not the data; fetch the data with `git lfs pull`"
    if _PAGE.match(head):
        return "is a web page (HTML), not the data; download the data file itself"
    return ""


def marked(head: bytes) -> str:
    """Return the encoding of a byte order mark, except that of UTF-8; empty without a mark."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "")
