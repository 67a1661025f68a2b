"""A format: `text | label`, a row per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layover.data.formats import FileLayout, Row
from layover.errors import DataError

READS: frozenset[str] = frozenset()


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text, bar, label = line.partition(" | ")
        if not bar:
            raise DataError(f"{path}:{number}: no bar in it")
        yield Row({"text": text, "label": label}, str(path), number)


FORMAT = read
