"""What the first bytes of a file tell of it, for messages: an archive, a page of the web, another encoding."""

from __future__ import annotations

import codecs
import re

_MAGIC = (
    (b"\x1f\x8b", "is compressed by gzip; let its name end with .gz"),
    (b"\xfd7zXZ\x00", "is compressed by xz; let its name end with .xz"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd; let its name end with .zst"),
    (b"PK\x03\x04", "is a zip archive, or a spreadsheet; name the file in it (ARCHIVE.zip/FILE), or save it as text"),
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
"""Bytes that are enough to tell."""


def binary(head: bytes) -> str:
    """Return what a file is that holds no text, and what to do, by its first bytes; empty where they do not tell."""
    if re.match(rb"BZh[1-9]1AY&SY", head):
        return "is compressed by bzip2; let its name end with .bz2"
    if head.startswith(b"PAR1") and b"\x00" not in head and b"\x15" not in head:
        return ""  # a text that begins so
    return next((words for magic, words in _MAGIC if head.startswith(magic)), "")


def no_data(head: bytes) -> str:
    """Return why a text file is no data, and what to do, by its first bytes; empty where they do not tell."""
    if head.startswith(POINTER):
        return "is a pointer of Git LFS, and not the data; fetch them with `git lfs pull`"
    if _PAGE.match(head):
        return "is a page of the web (HTML), and not the data; download the file itself"
    return ""


def marked(head: bytes) -> str:
    """Return the encoding that a byte order mark tells, for all but UTF-8; empty where there is none."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "")
