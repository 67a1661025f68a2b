"""Rows: every cell of a plan with its record, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

from layover.label_counts import LabelCounts, read_counts
from layover.plan import Cell, Plan, partial
from layover.plan.nodes import spec_at
from layover.records import Record, read_record
from layover.report.costs import TargetCost, cost_of
from layover.report.learned import LearnedMixture, mixtures_below
from layover.report.shares import Share, shares_of
from layover.specs.score import ScoreSpec
from layover.steps.artifacts import CLASSES, RECORD
from layover.store import Store


@dataclass(frozen=True)
class CellRow:
    """One cell."""

    cell: Cell
    metric: str
    """The metric that stands in the table."""
    split: str
    """What is scored."""
    partial: Mapping[str, str]
    """Language -> why the scored examples may not be all of the split's."""
    record: Record | None
    baseline: Record | None
    """The same cell without an intermediate, wherever it was computed."""
    failure: str | None
    shares: tuple[Share, ...] = ()
    """What was taken of each module, where modules are mixed."""
    mixtures: tuple[LearnedMixture, ...] = ()
    """The finished ones that it rests on, wherever they were trained."""
    cost: TargetCost | None = None
    """Of the target's training, None where there is none."""
    counts: LabelCounts | None = None
    """Of its labels; None where answers are no labels, and where an older version has scored it."""

    @property
    def value(self) -> float | None:
        """The mean over the scored languages, None when the cell is missing."""
        return self.record.mean(self.metric) if self.record is not None else None

    @property
    def baseline_value(self) -> float | None:
        """The value of the cell without an intermediate."""
        return self.baseline.mean(self.metric) if self.baseline is not None else None


def rows_of(plan: Plan, store: Store) -> list[CellRow]:
    """Return a row for every cell of the plan, finished or not."""
    records: dict[str, Record | None] = {}
    mixtures = cache(lambda key: mixtures_below(plan, store, key))

    def record_of(key: str | None) -> Record | None:
        if key is None:
            return None
        if key not in records:
            records[key] = read_record(store.path(key) / RECORD) if store.has(key) else None
        return records[key]

    @cache
    def counts_of(key: str) -> LabelCounts | None:
        path = store.path(key) / CLASSES if store.has(key) else None
        return read_counts(path) if path is not None and path.is_file() else None  # an older version wrote none

    rows = []
    for cell in plan.cells:
        record = record_of(cell.score)
        failure = None if record is not None else _failure(plan, store, cell.score)
        scored = spec_at(plan.nodes, cell.score, ScoreSpec)
        parts = partial(plan, scored)
        baseline, shares, below = record_of(cell.baseline), shares_of(plan, store, cell), mixtures(cell.train)
        cost = cost_of(plan, store, cell.train) if scored.search is None else None  # retrieval trains no target
        values = (cell, scored.metric, scored.split, parts, record, baseline, failure, shares, below, cost)
        rows.append(CellRow(*values, counts_of(cell.score)))
    return rows


def _failure(plan: Plan, store: Store, key: str) -> str | None:
    """Return the failure of a node, or of one it needs."""
    failure = store.failures.get(key)
    if failure is not None:
        return str(failure["error"])
    failures = (_failure(plan, store, need) for need in plan.nodes[key].needs if not store.has(need))
    return next((text for text in failures if text is not None), None)


def without_repeats(rows: list[CellRow]) -> list[CellRow]:
    """Return one row for all seeds where no seed decides anything, else every row: one result is not several."""
    return rows if rows[0].cell.seeded else rows[:1]


OTHER_LANGUAGES = "scored over other languages"
NOT_THERE = "missing"


def difference(own: Record | None, other: Record | None, metric: str, *, zero_shot: bool = False) -> float | str:
    """Return the difference of two means, or why there is none: means over different languages differ for that alone.

    Args:
        mine: The record of a cell, None while it is missing.
        other: That of the one it is compared with.
        metric: Whose means are compared.
        zero_shot: Over the languages that were not trained in.
    """
    if own is None or other is None:
        return NOT_THERE
    if {*own.averaged(zero_shot=zero_shot)} != {*other.averaged(zero_shot=zero_shot)}:
        return OTHER_LANGUAGES
    own_mean, other_mean = (record.mean(metric, zero_shot=zero_shot) for record in (own, other))
    return NOT_THERE if own_mean is None or other_mean is None else own_mean - other_mean


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds; the deviation is that of a sample (n - 1), None for one seed."""

    mean: float
    deviation: float | None
    count: int

    def seeds(self) -> str:
        """Return `1 seed`, or `2 seeds`."""
        return f"{self.count} seed{'' if self.count == 1 else 's'}"

    def text(self, *, signed: bool = False, digits: int = 1) -> str:
        """Return `71.2 ± 0.4`, or `+1.3 ± 0.2`."""
        mean = f"{self.mean:{'+' if signed else ''}.{digits}f}"
        return mean if self.deviation is None else f"{mean} ± {self.deviation:.{digits}f}"


def spread(values: Sequence[float]) -> Spread | None:
    """Return mean and deviation of the values, None when there are none."""
    if not values:
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def over_seeds(records: Sequence[Record], metric: str, *, zero_shot: bool = False) -> tuple[Spread | None, str]:
    """Return the spread of the seeds' means, and over which languages they are where not all seeds have the same.

    Means over different languages differ for that alone, so that only those languages count that every seed has.

    Args:
        records: Of the seeds that are scored.
        metric: Whose means are taken.
        zero_shot: Over the languages that were not trained in.
    """
    each = [record.averaged(zero_shot=zero_shot) for record in records]
    common = [name for name in (each[0] if each else ()) if all(name in names for names in each)]
    values = [[value for name in common if (value := record.value(name, metric)) is not None] for record in records]
    score = spread([fmean(known) for known in values if known])
    same = all({*names} == {*common} for names in each)
    count = f"{len(common)} language{'' if len(common) == 1 else 's'}"
    return score, "" if same else f"over the {count} that every seed has" if common else OTHER_LANGUAGES


def paired(differences: Sequence[float | str]) -> tuple[Spread | None, str]:
    """Return the spread of the differences that there are, and why others are not there.

    Args:
        found: Of each seed the difference, or why there is none; see `difference`.
    """
    known = spread([value for value in differences if not isinstance(value, str)])
    if OTHER_LANGUAGES in differences:
        return known, OTHER_LANGUAGES
    return known, NOT_THERE if known is None and differences else ""


def by_group(rows: Sequence[CellRow]) -> Mapping[tuple[str, str, str], list[CellRow]]:
    """Return the rows by (model, method, intermediate), in the order of the sweep."""
    groups: dict[tuple[str, str, str], list[CellRow]] = {}
    for row in rows:
        groups.setdefault((row.cell.model, row.cell.method, row.cell.intermediate), []).append(row)
    return groups
