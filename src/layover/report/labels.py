"""Counts of labels over the seeds and languages of a group of cells, for the sections that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layover import kinds
from layover.escape import Markup, code
from layover.label_counts import LabelCounts
from layover.plan import Plan
from layover.report.rows import CellRow, by_group, without_repeats

Group = tuple[str, str, str]


def has_labels(plan: Plan, target: str) -> bool:
    """Return whether the answers to a target are labels."""
    return kinds.get(plan.recipe.tasks[target].kind).classes


def groups(rows: Sequence[CellRow], target: str) -> Mapping[Group, list[CellRow]]:
    """Return the cells of a target by model, method and intermediate, one for each result."""
    target_rows = [row for row in rows if row.cell.target == target]
    return {group: without_repeats(members) for group, members in by_group(target_rows).items()}


def counted(members: Sequence[CellRow]) -> list[LabelCounts]:
    """Return the counts of those cells that have any."""
    return [row.counts for row in members if row.counts is not None]


def labels_of(plan: Plan, rows: Sequence[CellRow], target: str) -> list[str]:
    """Return every label that is gold or predicted: in the order of the task, then those that no head knows."""
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
    """Return a label for a table; one that training lacks says so."""
    known = plan.recipe.tasks[target].labels
    return code(label) if not known or label in known else Markup(f"{code(label)} (not in the training data)")


def seeds(members: Sequence[CellRow], there: int) -> str:
    """Return how many cells of a group have counts."""
    return f"{there}" + (f" of {len(members)}" if there < len(members) else "")


def gap(rows: Sequence[CellRow], target: str) -> list[str]:
    """Return how many scored cells of a target have no counts, as a paragraph; nothing where all have."""
    scored = [row for row in rows if row.cell.target == target and row.record is not None]
    without = sum(row.counts is None for row in scored)
    if not without:
        return []
    message = f"{without} of {len(scored)} scored cells have no counts of labels"
    return [f"{message}: the version of Layover that scored them did not keep any."]
