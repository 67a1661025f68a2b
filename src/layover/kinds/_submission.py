"""The files of answers that XTREME takes: what every one is, and those of questions and of sentence retrieval."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

from layover.data.formats import FileLayout, read
from layover.data.reading import Columns
from layover.errors import DataError
from layover.metrics._retrieval import ENGLISH, LANGUAGE


class Submission(ABC):
    """The form in which XTREME wants the predictions of a task's language; stateless."""

    suffix: ClassVar[str] = "tsv"
    """How the file's name ends."""

    @abstractmethod
    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:
        """Return the content of the file.

        Args:
            answers: One per example, as metrics take them.
            examples: Of the official test data.
            columns: Of the task.
        """

    @abstractmethod
    def read(self, path: Path, examples: Sequence[Any], columns: Columns, labels: Sequence[str]) -> list[Any]:
        """Return the answers of a file, one per example.

        Raises:
            DataError: it has more or fewer answers than there are examples, or one that is none.
        """

    def metrics(self, names: tuple[str, ...], columns: Columns) -> tuple[str, ...]:  # noqa: ARG002
        """Return those of a task's metrics that such a file can be scored by."""
        return names


def as_many(answers: list[Any], path: Path, count: int) -> list[Any]:
    """Return the answers of a file where there are as many as examples.

    Raises:
        DataError: there are not.
    """
    if len(answers) != count:
        raise DataError(f"{path}: {len(answers)} predictions, but there are {count} examples")
    return answers


class SpanSubmission(Submission):
    """Id of the question -> answer, as JSON."""

    suffix: ClassVar[str] = "json"

    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:  # noqa: ARG002
        by_question = {example.id: answer for example, answer in zip(examples, answers, strict=True)}
        return json.dumps(by_question, ensure_ascii=False, indent=0) + "\n"

    def read(
        self,
        path: Path,
        examples: Sequence[Any],
        columns: Columns,  # noqa: ARG002
        labels: Sequence[str],  # noqa: ARG002
    ) -> list[Any]:
        try:
            answers = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: not JSON ({error})") from error
        missing = [example.id for example in examples if example.id not in answers]
        if missing or len(answers) != len(examples):
            problem = (
                f"no answer to {missing[0]}" if missing else f"{len(answers)} answers to {len(examples)} questions"
            )
            raise DataError(f"{path}: {problem}")
        return [str(answers[example.id]) for example in examples]


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
            kept = ((example.id, other) for example, other in pairs if example.side == LANGUAGE and other is not None)
            return "".join(f"{own}\t{other}\n" for own, other in kept)
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
