"""MultiEURLEX's JSON lines: a law per line, its text in up to 23 languages, its concepts by level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.data.formats.jsonl import read as read_lines
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield a row per law and language in which it exists: `celex_id`, `language`, `text`, and the level's concepts.

    The columns of the concepts are their levels: `level_1`, `level_2`, `level_3`, `original_concepts`.

    Raises:
        DataError: with file:line, if a line is no law of MultiEURLEX.
    """
    for row in read_lines(path, layout):
        law, texts, concepts = (row.values.get(name) for name in ("celex_id", "text", "eurovoc_concepts"))
        if not isinstance(law, str) or not isinstance(texts, dict) or not isinstance(concepts, dict):
            raise DataError(
                f"{row.where()}: a law needs 'celex_id', 'text' by language and 'eurovoc_concepts' by level; name "
                "MultiEURLEX's official file"
            )
        for language, text in texts.items():
            if text is not None:
                values: dict[str, Any] = {**concepts, "celex_id": law, "language": language, "text": text}
                yield Row(values, row.path, row.line)


FORMAT = read
READS: frozenset[str] = frozenset()
