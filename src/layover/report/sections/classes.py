"""A table for each target whose answers are labels: precision, recall and F1 of every label, over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from layover import kinds
from layover.escape import csv_file, inline, markdown_table
from layover.label_counts import Label, LabelCounts
from layover.plan import Plan
from layover.report._section import Section
from layover.report.labels import counted, gap, groups, has_labels, labels_of, named, seeds
from layover.report.main_table import MISSING, NO_SEED, NOTHING
from layover.report.rows import CellRow, spread

SHOWN = 20
"""Largest number of labels in the table of a target; labels with the most gold come first."""
EXPLAINED = (
    "Scores of each label are percent: the mean over the languages with this label, then mean ± standard deviation "
    "over n seeds. Precision is the percentage of predictions of the label that are right; – without predictions. "
    "Recall is the percentage of gold of the label that is predicted; – without gold. Means exclude seeds and "
    "languages with –. Support is the number of examples with the gold label, in all languages."
)
FIELDS = ("model", "method", "intermediate", "target", "seed")
HEADERS = ["model", "method", "intermediate", "n", "label", "precision", "recall", "F1", "support"]
FILE = "classes.csv"
SCORES: Sequence[Callable[[Label], float | None]] = (
    lambda label: label.precision,
    lambda label: label.recall,
    lambda label: label.f1,
)


def shown(plan: Plan, rows: Sequence[CellRow], target: str) -> tuple[list[str], int]:
    """Return the labels of the table in their order, and the number of other labels."""
    labels = labels_of(plan, rows, target)
    if len(labels) <= SHOWN:
        return labels, 0
    every = [row.counts for row in rows if row.cell.target == target and row.counts is not None]
    support = {label: max(_support(counts, label) for counts in every) for label in labels}
    return sorted(labels, key=lambda label: (-support[label], labels.index(label)))[:SHOWN], len(labels) - SHOWN


def cells(plan: Plan, rows: Sequence[CellRow], target: str, labels: Sequence[str]) -> list[list[str]]:
    """Return the lines of the table of one target; a group without counts is `missing`."""
    lines = []
    for group, members in groups(rows, target).items():
        all_counts = counted(members)
        n = seeds(members, len(all_counts)) if members[0].cell.seeded else NO_SEED
        if not all_counts:
            lines.append([*group, n, MISSING, *(NOTHING for _ in HEADERS[5:])])
        for label in labels if all_counts else ():
            values = [_over_seeds(all_counts, label, score) for score in SCORES]
            support = sorted({_support(counts, label) for counts in all_counts})
            lines.append([*group, n, named(plan, target, label), *values, " to ".join(map(str, support))])
    return lines


def _over_seeds(all_counts: Sequence[LabelCounts], label: str, score: Callable[[Label], float | None]) -> str:
    """Return the mean and the deviation, over seeds, of the mean over languages."""
    means = []
    for counts in all_counts:
        entries = [
            language_counts.labels[label]
            for language_counts in counts.languages.values()
            if label in language_counts.labels
        ]
        values = [value for entry in entries if (value := score(entry)) is not None]
        means += [fmean(values)] if values else []
    every = spread(means)
    return NOTHING if every is None else every.text()


def _support(counts: LabelCounts, label: str) -> int:
    return sum(
        language_counts.labels[label].gold
        for language_counts in counts.languages.values()
        if label in language_counts.labels
    )


def write(rows: Sequence[CellRow], path: Path) -> bool:
    """Write one line per cell, language and label; an undefined score is empty."""
    known = [(row.cell, row.counts) for row in rows if row.counts is not None]
    if not known:
        return False
    with csv_file(path) as writerow:
        writerow([*FIELDS, "language", "label", "precision", "recall", "f1", "gold", "predicted", "right"])
        for cell, counts in known:
            which = [getattr(cell, field) for field in FIELDS]
            for language, language_counts in counts.languages.items():
                for name, label in language_counts.labels.items():
                    scores = ["" if value is None else repr(value) for value in (score(label) for score in SCORES)]
                    writerow([*which, language, name, *scores, label.gold, label.predicted, label.right])
    return True


def _target(plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    if not has_labels(plan, target):
        return []
    labels, more = shown(plan, rows, target)
    if not labels:
        return gap(rows, target)
    explanation = (
        f"{EXPLAINED} Each word counts as an example." if kinds.get(plan.recipe.tasks[target].kind).tags else EXPLAINED
    )
    parts = [f"### {inline(target)}: labels", explanation, markdown_table(HEADERS, cells(plan, rows, target, labels))]
    parts += (
        [f"The table shows the {SHOWN} labels with the most gold; `{FILE}` also has the other {more}."] if more else []
    )
    return parts + gap(rows, target)


SECTION = Section(32, target=_target, file=FILE, write=write)
