"""A table for each target with few labels: how often each gold label is predicted as each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from layover.escape import code, csv_file, inline, markdown_table
from layover.label_counts import Counts, LabelCounts
from layover.plan import Plan
from layover.report._section import Section
from layover.report.labels import counted, groups, has_labels, labels_of, named
from layover.report.rows import CellRow

MOST = 10
"""Largest number of labels of a target with a matrix in the report."""
EXPLAINED = (
    "Lines are gold labels, and columns are predicted labels. Each number counts a pair in all languages together; it "
    "is the mean over seeds."
)
FIELDS = ("model", "method", "intermediate", "target", "seed")
FILE = "confusion.csv"


def pairs(counts: Counts) -> Iterator[tuple[str, str, int]]:
    """Yield gold label, predicted label and count: right predictions first, then the kept wrong predictions."""
    for name, label in counts.labels.items():
        if label.right:
            yield name, name, label.right
    yield from counts.confused


def matrix(counts: LabelCounts) -> Counter[tuple[str, str]]:
    """Return the count of each pair of gold label and predicted label in all languages."""
    totals = Counter[tuple[str, str]]()
    for language_counts in counts.languages.values():
        for wanted, predicted, times in pairs(language_counts):
            totals[wanted, predicted] += times
    return totals


def cells(plan: Plan, rows: Sequence[CellRow], target: str, labels: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of the matrices of one target, one below the other."""
    lines = []
    for group, members in groups(rows, target).items():
        matrices = [matrix(counts) for counts in counted(members)]
        for wanted in labels if matrices else ():
            means = [fmean(table[wanted, predicted] for table in matrices) for predicted in labels]
            lines.append([*group, named(plan, target, wanted), *map(_number, means)])
    return ["model", "method", "intermediate", "gold", *map(code, labels)], lines


def _number(mean: float) -> str:
    return f"{mean:.0f}" if mean.is_integer() else f"{mean:.1f}"


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell, language and pair of labels; `left_out` counts predictions in none of the pairs."""
    known = [(row.cell, row.counts) for row in rows if row.counts is not None]
    if not known:
        return False
    with csv_file(path) as writerow:
        writerow([*FIELDS, "language", "gold", "predicted", "count", "left_out"])
        for cell, counts in known:
            which = [getattr(cell, field) for field in FIELDS]
            for language, language_counts in counts.languages.items():
                for wanted, predicted, times in pairs(language_counts):
                    writerow([*which, language, wanted, predicted, times, language_counts.left_out])
    return True


def _target(plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    labels = labels_of(plan, rows, target) if has_labels(plan, target) else []
    if not 2 <= len(labels) <= MOST:
        return []
    return [f"### {inline(target)}: confusion", EXPLAINED, markdown_table(*cells(plan, rows, target, labels))]


SECTION = Section(34, target=_target, file=FILE, write=write)
