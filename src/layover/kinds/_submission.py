"""The answer files that XTREME takes: their interface, and the files of span and retrieval tasks."""

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
    """The format in which XTREME takes the predictions of a task in one language; stateless."""

    suffix: ClassVar[str] = "tsv"
    """The extension of the file name."""

    @abstractmethod
    def text(self, answers: Sequence[Any], examples: Sequence[Any], columns: Columns) -> str:
        """Return the content of the file.

        Args:
            answers: One answer per example, in the form that metrics take.
            examples: Examples of the official test data.
            columns: Columns of the task.
        """

    @abstractmethod
    def read(self, path: Path, examples: Sequence[Any], columns: Columns, labels: Sequence[str]) -> list[Any]:
        """Return the answers of a file, one per example.

        Raises:
            DataError: the number of answers differs from the number of examples, or an answer is not valid.
        """

    def metrics(self, names: tuple[str, ...], columns: Columns) -> tuple[str, ...]:  # noqa: ARG002
        """Return the metrics of a task that can score this file."""
        return names


def as_many(answers: list[Any], path: Path, count: int) -> list[Any]:
    """Return the answers of a file after checking their number.

    Raises:
        DataError: the number of answers differs from the number of examples.
    """
    if len(answers) != count:
        raise DataError(f"{path}: the file has {len(answers)} predictions, but there are {count} examples")
    return answers


class SpanSubmission(Submission):
    """A JSON object: id of the question -> answer."""

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
            raise DataError(f"{path}: the file is not JSON ({error})") from error
        missing = [example.id for example in examples if example.id not in answers]
        if missing or len(answers) != len(examples):
            problem = (
                f"no answer to question {missing[0]}"
                if missing
                else f"{len(answers)} answers to {len(examples)} questions"
            )
            raise DataError(f"{path}: the file has {problem}; write one answer for each question")
        return [str(answers[example.id]) for example in examples]


def mined(columns: Collection[str]) -> bool:
    """Return whether the columns declare a mined task: sentences with ids."""
    return "id" in columns


class RetrievalSubmission(Submission):
    """The mined pairs, or for every English sentence the line number of its translation, from 0.

    XTREME distributes the English sentences of Tatoeba in alphabetical order; the lines follow this order.
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
        """Return the first metric only, if sentences are aligned: the file answers only English sentences."""
        return names if mined(columns) else names[:1]


def _alphabetical(examples: Sequence[Any]) -> list[int]:
    """Return the row numbers of the English sentences in the order of XTREME."""
    english = [row for row, example in enumerate(examples) if example.side == ENGLISH]
    return sorted(english, key=lambda row: examples[row].text)
