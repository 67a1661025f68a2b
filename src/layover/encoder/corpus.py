"""Text for a vocabulary, read from a folder of data files in any format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layover.errors import DataError

SUFFIXES = (".conll", ".conllu", ".csv", ".json", ".jsonl", ".tsv", ".txt")
MAX_FILE_BYTES = 8 << 20
"""The reader takes only the beginning of larger line files, and skips larger JSON documents."""
MAX_CHARACTERS = 1000
"""Longer texts are cut, because the trainer skips sentences of more than 4192 bytes."""

_IDENTIFIER = re.compile(r"[A-Za-z_-]*\d[\w.-]*", re.ASCII)


def sentences(folder: Path, limit: int) -> list[str]:
    """Return about `limit` texts or fewer from all readable files below a folder; the result is always the same.

    Every file contributes an equal share, taken at even distances.

    Raises:
        DataError: no file contains text.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    by_file = [texts for file in files if (texts := list(dict.fromkeys(_texts(file))))]
    if not by_file:
        raise DataError(f"{folder}: it contains no text; use files that end in {', '.join(SUFFIXES)}")
    share = max(1, limit // len(by_file))
    return [text for texts in by_file for text in _spread(texts, share)]


def _spread(texts: list[str], count: int) -> list[str]:
    """Return `count` texts at even distances, or all texts if there are fewer."""
    if len(texts) <= count:
        return texts
    return [texts[index * len(texts) // count] for index in range(count)]


def _texts(file: Path) -> Iterator[str]:
    for value in _strings(file):
        text = " ".join(value.split())
        if len(text) > 1 and any(letter.isalpha() for letter in text) and not _IDENTIFIER.fullmatch(text):
            for start in range(0, len(text), MAX_CHARACTERS):
                yield text[start : start + MAX_CHARACTERS]


def _strings(file: Path) -> Iterator[str]:
    if file.suffix == ".json" and file.stat().st_size > MAX_FILE_BYTES:
        return
    with file.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES).decode("utf-8", errors="ignore")
    if file.suffix == ".json":
        yield from _json_strings(content)
    elif file.suffix == ".jsonl":
        for line in content.splitlines():
            yield from _json_strings(line)
    elif file.suffix == ".csv":
        for cells in csv.reader(io.StringIO(content), strict=False):
            yield from cells
    else:
        for line in content.splitlines():
            yield from line.split("\t")


def _json_strings(document: str) -> Iterator[str]:
    try:
        value = json.loads(document)
    except (ValueError, RecursionError):
        return  # not JSON, nested too deeply, or the incomplete last line of a large file
    yield from _leaves(value)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.encode("utf-8", errors="replace").decode()  # replaces lone surrogates
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
