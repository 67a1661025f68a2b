"""The counts of labels of one cell: scores of each label, and which labels are confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layover import kinds
from layover.errors import LayoverError
from layover.label_counts import Counts, LabelCounts, read_counts
from layover.plan import Cell, Plan
from layover.report.sections.confusion import MOST, matrix
from layover.steps.artifacts import CLASSES
from layover.store import Store

HEADERS = ("language", "label", "precision", "recall", "f1", "gold", "predicted", "right")
PAIRS = 20
"""Number of confused pairs that are shown in place of a large matrix."""


@dataclass(frozen=True)
class CellLabels:
    """The counts of the labels of one cell."""

    languages: Mapping[str, Counts]
    """Language -> counts, for the languages that have scores."""
    order: tuple[str, ...]
    """All labels: those of the task in its order, then others."""

    def lines(self) -> list[list[Any]]:
        """Return a line per language and label, with the columns `HEADERS`; a score without a value is None."""
        lines = []
        for language, counts in self.languages.items():
            for name in self.order:
                if (label := counts.labels.get(name)) is not None:
                    scores = (label.precision, label.recall, label.f1)
                    lines.append([language, name, *scores, label.gold, label.predicted, label.right])
        return lines

    def left_out(self) -> int:
        """Return the number of wrong predictions whose pairs the store does not have."""
        return sum(counts.left_out for counts in self.languages.values())

    def confused(self) -> list[tuple[str, str, int]]:
        """Return (gold, predicted, count) of wrong predictions in all languages together, the most frequent first."""
        totals = matrix(LabelCounts(languages=dict(self.languages)))
        wrong = [(gold, predicted, times) for (gold, predicted), times in totals.items() if gold != predicted]
        return sorted(wrong, key=lambda pair: (-pair[2], pair[0], pair[1]))

    def table(self) -> tuple[str, list[str], list[list[str]]]:
        """Return a sentence, headers and lines: the matrix of a few labels, else the most frequent confused pairs."""
        more = (
            f"; the store does not name the labels of {self.left_out():,} wrong predictions" if self.left_out() else ""
        )
        languages = "all these languages together" if len(self.languages) > 1 else "one language"
        if len(self.order) <= MOST:
            totals = matrix(LabelCounts(languages=dict(self.languages)))
            rows = [[gold, *(str(totals[gold, predicted]) for predicted in self.order)] for gold in self.order]
            return f"lines are gold, columns are predictions, of {languages}{more}", ["gold", *self.order], rows
        pairs = self.confused()
        shown = f"{min(PAIRS, len(pairs))} of {len(pairs):,} confused pairs"
        rows = [[gold, predicted, str(times)] for gold, predicted, times in pairs[:PAIRS]]
        return f"{shown}, of {languages}{more}", ["gold", "predicted", "count"], rows

    def as_json(self) -> dict[str, Any]:
        """Return the scores of each label, and all confused pairs."""
        return {
            "labels": [dict(zip(HEADERS, line, strict=True)) for line in self.lines()],
            "confused": [
                {"gold": gold, "predicted": predicted, "count": times} for gold, predicted, times in self.confused()
            ],
            "left_out": self.left_out(),
        }


def labels_of_cell(plan: Plan, store: Store, cell: Cell, languages: Sequence[str]) -> CellLabels:
    """Return the counts of a finished cell.

    Args:
        plan: The plan of the recipe.
        store: The store with its results.
        cell: A finished cell.
        languages: The languages to count; those without scores have no counts.

    Raises:
        LayoverError: the answers are not labels, an older version scored the cell, or no language has a score.
    """
    task = plan.recipe.tasks[cell.target]
    if not kinds.get(task.kind).classes:
        raise LayoverError(
            f"{cell.target}: --classes counts labels, but answers of the kind {task.kind} are not labels"
        )
    path = store.path(cell.score) / CLASSES
    if not path.is_file():
        raise LayoverError(f"{cell.label}: an older version of Layover scored it, without counts of labels")
    counts = {name: of for name, of in read_counts(path).languages.items() if name in languages}
    if not counts:
        raise LayoverError(f"{cell.label}: no language has a score, so no label is counted")
    there = {label for of in counts.values() for label in of.labels}
    known = [label for label in task.labels if label in there]
    return CellLabels(counts, (*known, *sorted(there - {*known})))
