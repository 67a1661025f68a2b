"""XTREME's files of sentence retrieval."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from layover.data.formats import FileLayout, read
from layover.data.reading import Columns
from layover.errors import DataError
from layover.kinds._submission import Submission, as_many
from layover.metrics._retrieval import ENGLISH, LANGUAGE


def mined(columns: Collection[str]) -> bool:
    """Return whether columns declare the mined layout: sentences with ids."""
    return "id" in columns


class RetrievalSubmission(Submission):
    """The pairs that were found, or for every English sentence the line of its translation, from 0 on.

    XTREME gives away Tatoeba's English sentences in alphabetical order: the lines follow it.
    """

    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:
        if mined(columns):
            pairs = zip(examples, answers, strict=True)
            found = ((one.id, other) for one, other in pairs if one.side == LANGUAGE and other is not None)
            return "".join(f"{one}\t{other}\n" for one, other in found)
        return "".join(f"{answers[row]}\n" for row in _alphabetical(examples))

    def read(
        self,
        path: Path,
        examples: Sequence[Any],
        columns: Columns,
        labels: Sequence[str],  # noqa: ARG002
    ) -> list[Any]:
        answers: list[str | None] = [None] * len(examples)
        if mined(columns):
            rows = {(example.side, example.id): row for row, example in enumerate(examples)}
            for pair in read(path, FileLayout(format="tsv", header=(LANGUAGE, ENGLISH), quoting=False)):
                for side, other in ((LANGUAGE, ENGLISH), (ENGLISH, LANGUAGE)):
                    place = rows.get((side, pair.values[side]))
                    if place is None:
                        raise DataError(f"{pair.where()}: no {side} sentence has the id {pair.values[side]!r}")
                    answers[place] = pair.values[other]
            return answers
        order = _alphabetical(examples)
        lines = [str(row.values["text"]).strip() for row in read(path, FileLayout(format="lines"))]
        for place, line in zip(order, as_many(lines, path, len(order)), strict=True):
            answers[place] = line
        return answers

    def metrics(self, names: tuple[str, ...], columns: Columns) -> tuple[str, ...]:
        """Return the first metric alone where sentences are aligned: only the English ones are answered."""
        return names if mined(columns) else names[:1]


def _alphabetical(examples: Sequence[Any]) -> list[int]:
    """Return the rows of the English sentences in XTREME's order."""
    english = [row for row, example in enumerate(examples) if example.side == ENGLISH]
    return sorted(english, key=lambda row: examples[row].text)
