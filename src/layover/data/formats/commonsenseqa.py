"""CommonsenseQA's JSON Lines: a stem, choices with letters, the letter of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from layover.data.formats import jsonl
from layover.data.formats._layout import FileLayout
from layover.data.formats._row import Row
from layover.errors import DataError


def read(path: Path, layout: FileLayout) -> Iterator[Row]:
    """Yield one row per question: `id`, `question`, `choices` (texts, in the order of the file), `answer` (index).

    Blind files have no `answerKey`, and their rows no `answer`.

    Raises:
        DataError: with file:line, if a key is missing or the answer names no choice.
    """
    for row in jsonl.read(path, layout):
        try:
            values = _values(row.values)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{row.where()}: not a question of CommonsenseQA ({error!r}); name CommonsenseQA's official file"
            ) from error
        yield replace(row, values=values)


def _values(raw: Mapping[str, Any]) -> dict[str, Any]:
    choices = raw["question"]["choices"]
    letters = [choice["label"] for choice in choices]
    values = {
        "id": str(raw["id"]),
        "question": raw["question"]["stem"],
        "choices": [choice["text"] for choice in choices],
    }
    if raw.get("answerKey"):
        values["answer"] = letters.index(raw["answerKey"])
    return values


FORMAT = read
READS: frozenset[str] = frozenset()
