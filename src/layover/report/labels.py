"""Counts of labels over the seeds and languages of a group of cells, for sections of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layover import kinds
from layover.escape import Markup, code
from layover.label_counts import LabelCounts
from layover.plan import Plan
from layover.report.rows import CellRow, by_group, without_repeats

Group = tuple[str, str, str]


def has_labels(plan: Plan, target: str) -> bool:
    """Return whether the answers of a target are labels."""
    return kinds.get(plan.recipe.tasks[target].kind).classes


def groups(rows: Sequence[CellRow], target: str) -> Mapping[Group, list[CellRow]]:
    """Return the cells of a target by model, method and intermediate, one cell for each result."""
    target_rows = [row for row in rows if row.cell.target == target]
    return {group: without_repeats(members) for group, members in by_group(target_rows).items()}


def counted(members: Sequence[CellRow]) -> list[LabelCounts]:
    """Return the counts of the cells that have counts."""
    return [row.counts for row in members if row.counts is not None]


def labels_of(plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    """Return all labels in gold or predictions: labels of the task in its order, then unknown labels."""
    known = plan.recipe.tasks[target].labels
    there = {label for row in rows if row.cell.target == target for label in _labels(row.counts)}
    return [*(label for label in known if label in there), *sorted(there - {*known})]


def _labels(counts: LabelCounts | None) -> set[str]:
    return (
        {label for language_counts in counts.languages.values() for label in language_counts.labels}
        if counts is not None
        else set()
    )


def named(plan: Plan, target: str, label: str) -> Markup:
    """Return a label for a table, marked if it is not in the training data."""
    known = plan.recipe.tasks[target].labels
    return code(label) if not known or label in known else Markup(f"{code(label)} (not in the training data)")


def seeds(members: Sequence[CellRow], there: int) -> str:
    """Return the number of cells of a group that have counts, as text."""
    return f"{there}" + (f" of {len(members)}" if there < len(members) else "")


def gap(rows: Sequence[CellRow], target: str) -> list[str]:
    """Return a paragraph with the number of scored cells without counts; empty if all have counts."""
    scored = [row for row in rows if row.cell.target == target and row.record is not None]
    without = sum(row.counts is None for row in scored)
    if not without:
        return []
    message = f"{without} of {len(scored)} scored cells have no counts of labels"
    return [f"{message}, because an older version of Layover scored them."]
