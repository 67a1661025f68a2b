"""Text for a vocabulary, out of a folder of data files of any kind."""

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
"""Of larger files of lines only the beginning is read; larger JSON documents are passed over."""
MAX_CHARACTERS = 1000
"""Longer texts are cut: the trainer passes over sentences of more than 4192 bytes."""

_IDENTIFIER = re.compile(r"[A-Za-z_-]*\d[\w.-]*", re.ASCII)


def sentences(folder: Path, limit: int) -> list[str]:
    """Return texts of all readable files below a folder, at most about `limit`, the same ones every time.

    Every file gives an equal share, taken at even distances.

    Raises:
        DataError: no file has any text.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    texts = [found for file in files if (found := list(dict.fromkeys(_texts(file))))]
    if not texts:
        raise DataError(f"{folder}: no text found; files ending in {', '.join(SUFFIXES)} are read")
    share = max(1, limit // len(texts))
    return [text for found in texts for text in _spread(found, share)]


def _spread(texts: list[str], count: int) -> list[str]:
    """Return `count` texts at even distances, or all when there are not so many."""
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
        return  # not JSON, nested too deeply, or the line at which a large file was cut
    yield from _leaves(value)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.encode("utf-8", errors="replace").decode()  # half a character, which the task's reader refuses
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
