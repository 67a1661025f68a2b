"""The scores of a cell on perturbed test sets, and those of its baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layover.plan import Cell
from layover.records import Record
from layover.report.seed_scores import Items


@dataclass(frozen=True)
class PerturbedScores:
    """The scores of one cell under one perturbation."""

    key: str
    """The key of the scores."""
    record: Record | None
    """None if the scores are missing."""
    baseline_key: str | None
    """The key of the scores without an intermediate; None if the cell has no intermediate itself."""
    baseline: Record | None
    """The scores of the same cell without an intermediate."""
    items: Items | None
    """What groups of test items contribute to the scores; the items are those of the unchanged texts."""
    baseline_items: Items | None
    failure: str | None = None
    """The error of a node that the scores need; None if none failed."""


def perturbed_scores(
    cell: Cell,
    record_of: Callable[[str | None], Record | None],
    items_of: Callable[[str], Items | None],
    failure_of: Callable[[str], str | None],
) -> dict[str, PerturbedScores]:
    """Return label of each perturbation -> the scores of a cell under it.

    Args:
        cell: The cell.
        record_of: Key of scores -> their record; None if they are missing.
        items_of: Key of scores -> their items; None if they are missing.
        failure_of: Key of scores that are missing -> the error of a node that they need.
    """
    scores, without = dict(cell.perturbed), dict(cell.baseline_perturbed)
    return {
        label: PerturbedScores(
            key=key,
            record=(record := record_of(key)),
            baseline_key=(other := without.get(label)),
            baseline=record_of(other),
            items=items_of(key),
            baseline_items=None if other is None else items_of(other),
            failure=failure_of(key) if record is None else None,
        )
        for label, key in scores.items()
    }
