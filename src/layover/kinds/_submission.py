"""XTREME's files of predictions: what a kind of task writes into one, and reads from one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from layover.data.reading import Columns
from layover.errors import DataError


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
