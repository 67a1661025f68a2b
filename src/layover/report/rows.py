"""Rows: every cell of a plan with its record, or with the reason why it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean, stdev

from layover.breakdown import Breakdown, read_breakdown
from layover.label_counts import LabelCounts, read_counts
from layover.plan import Cell, Plan, partial
from layover.plan.nodes import spec_at
from layover.records import Record, read_record
from layover.report.costs import TargetCost, cost_of
from layover.report.curves import TrainingCurve, curves_below
from layover.report.learned import LearnedMixture, mixtures_below
from layover.report.mixing_weights import MixingWeight, mixing_weights_of
from layover.report.perturbed import PerturbedScores, perturbed_scores
from layover.report.seed_scores import Items
from layover.specs.score import ScoreSpec
from layover.steps.artifacts import BREAKDOWN, CLASSES, ITEMS, RECORD
from layover.steps.items import read_items
from layover.store import Store


@dataclass(frozen=True)
class CellRow:
    """One cell with its results."""

    cell: Cell
    metric: str
    """The metric of the main table."""
    split: str
    """The scored split."""
    partial: Mapping[str, str]
    """Language -> reason why some examples of the split may not be scored."""
    record: Record | None
    baseline: Record | None
    """The record of the same cell without an intermediate."""
    failure: str | None
    mixing_weights: tuple[MixingWeight, ...] = ()
    """The mixing weights of its modules, if modules are mixed."""
    mixtures: tuple[LearnedMixture, ...] = ()
    """The finished mixtures that it needs."""
    cost: TargetCost | None = None
    """The cost of the target's training; None if there is none."""
    counts: LabelCounts | None = None
    """The counts of its labels; None if answers are not labels."""
    items: Items | None = None
    """What groups of test items contribute to its scores; None if the cell is missing."""
    baseline_items: Items | None = None
    """The items of `baseline`."""
    curves: tuple[TrainingCurve, ...] = ()
    """The learning curves of its finished trainings; several cells may have the same one."""
    breakdown: Breakdown | None = None
    """The parts of its scores; None if the cell is missing."""
    generated: bool = False
    """Whether the sandbox generates the texts of its target, so that the languages are imitations."""
    perturbed: Mapping[str, PerturbedScores] = field(default_factory=dict)
    """Label of a perturbation -> the scores under it; they are part of no other score."""

    @property
    def is_scored(self) -> bool:
        """Whether the scores of the cell are known, those on perturbed test sets too."""
        return self.record is not None and all(scores.record is not None for scores in self.perturbed.values())

    @property
    def value(self) -> float | None:
        """The mean over the scored languages; None if the cell is missing."""
        return self.record.mean(self.metric) if self.record is not None else None

    @property
    def baseline_value(self) -> float | None:
        """The value of the cell without an intermediate."""
        return self.baseline.mean(self.metric) if self.baseline is not None else None


def rows_of(plan: Plan, store: Store) -> list[CellRow]:
    """Return a row for every cell of the plan, finished or not."""
    records: dict[str, Record | None] = {}
    mixtures = cache(lambda key: mixtures_below(plan, store, key))
    curves = cache(lambda key: curves_below(plan, store, key))

    def record_of(key: str | None) -> Record | None:
        if key is None:
            return None
        if key not in records:
            records[key] = read_record(store.path(key) / RECORD) if store.has(key) else None
        return records[key]

    @cache
    def counts_of(key: str) -> LabelCounts | None:
        path = store.path(key) / CLASSES if store.has(key) else None
        return read_counts(path) if path is not None and path.is_file() else None

    @cache
    def items_of(key: str) -> Items | None:
        return read_items(store.path(key) / ITEMS) if store.has(key) else None

    @cache
    def breakdown_of(key: str) -> Breakdown | None:
        return read_breakdown(store.path(key) / BREAKDOWN) if store.has(key) else None

    rows = []
    for cell in plan.cells:
        record = record_of(cell.score)
        failure = None if record is not None else _failure(plan, store, cell.score)
        scored = spec_at(plan.nodes, cell.score, ScoreSpec)
        parts = partial(plan, scored)
        baseline, weights, below = record_of(cell.baseline), mixing_weights_of(plan, store, cell), mixtures(cell.train)
        cost = cost_of(plan, store, cell.train) if scored.search is None else None  # retrieval trains no target
        values = (cell, scored.metric, scored.split, parts, record, baseline, failure, weights, below, cost)
        items = items_of(cell.score), None if cell.baseline is None else items_of(cell.baseline)
        generated = plan.recipe.tasks[cell.target].maker is not None
        counts, breakdown = counts_of(cell.score), breakdown_of(cell.score)
        perturbed = perturbed_scores(cell, record_of, items_of, lambda key: _failure(plan, store, key))
        rows.append(CellRow(*values, counts, *items, curves(cell.train), breakdown, generated, perturbed))
    return rows


def _failure(plan: Plan, store: Store, key: str) -> str | None:
    """Return the error of a node, or of a node that it needs; None if none failed."""
    failure = store.failures.get(key)
    if failure is not None:
        return str(failure["error"])
    failures = (_failure(plan, store, need) for need in plan.nodes[key].needs if not store.has(need))
    return next((text for text in failures if text is not None), None)


def without_repeats(rows: list[CellRow]) -> list[CellRow]:
    """Return one row for all seeds if the result does not depend on a seed, else all rows."""
    return rows if rows[0].cell.seeded else rows[:1]


def zero_shot_targets(rows: Sequence[CellRow]) -> set[str]:
    """Return the targets with a scored zero-shot language: tables show means over these languages."""
    far: set[str] = set()
    for row in rows:
        if row.cell.target not in far and row.record is not None and row.record.averaged(zero_shot=True):
            far.add(row.cell.target)
    return far


OTHER_LANGUAGES = "scored over other languages"
NOT_THERE = "missing"


def difference(own: Record | None, other: Record | None, metric: str, *, zero_shot: bool = False) -> float | str:
    """Return the difference of two means, or the reason why there is none.

    Means over different languages are not comparable.

    Args:
        own: The record of a cell; None if it is missing.
        other: The record of the cell to compare with; None if it is missing.
        metric: The metric of the means.
        zero_shot: Whether to compare only zero-shot languages.
    """
    if own is None or other is None:
        return NOT_THERE
    own_names, other_names = (record.averaged(zero_shot=zero_shot) for record in (own, other))
    if own_names != other_names and {*own_names} != {*other_names}:
        return OTHER_LANGUAGES
    own_mean, other_mean = (record.mean(metric, zero_shot=zero_shot) for record in (own, other))
    return NOT_THERE if own_mean is None or other_mean is None else own_mean - other_mean


def signed(value: float, digits: int = 1) -> str:
    """Return `+1.3` or `-0.4`; a value that rounds to zero is `+0.0`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds. The deviation is of a sample (n - 1), and None for one seed."""

    mean: float
    deviation: float | None
    count: int

    def seeds(self) -> str:
        """Return `1 seed`, or `2 seeds`."""
        return f"{self.count} seed{'' if self.count == 1 else 's'}"

    def text(self, *, plus: bool = False, digits: int = 1) -> str:
        """Return `71.2 ± 0.4`, or `+1.3 ± 0.2`."""
        mean = signed(self.mean, digits) if plus else f"{self.mean:.{digits}f}"
        return mean if self.deviation is None else f"{mean} ± {self.deviation:.{digits}f}"


def spread(values: Sequence[float]) -> Spread | None:
    """Return the mean and the deviation of values; None if there are no values."""
    if not values:
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def over_seeds(records: Sequence[Record], metric: str, *, zero_shot: bool = False) -> tuple[Spread | None, str]:
    """Return the spread of the means of seeds, and a remark on their languages if seeds have different languages.

    Means over different languages are not comparable, so only the languages that every seed has are averaged.

    Args:
        records: The records of the scored seeds.
        metric: The metric of the means.
        zero_shot: Whether to average only zero-shot languages.
    """
    each = [record.averaged(zero_shot=zero_shot) for record in records]
    common = shared(each)
    values = [[value for name in common if (value := record.value(name, metric)) is not None] for record in records]
    score = spread([fmean(known) for known in values if known])
    same = all({*names} == {*common} for names in each)
    count = f"{len(common)} language{'' if len(common) == 1 else 's'}"
    return score, "" if same else f"over the {count} that every seed has" if common else OTHER_LANGUAGES


def shared(each: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the languages that all seeds have, in the order of the first seed.

    Args:
        each: The languages of each seed.
    """
    if all(names == each[0] for names in each):
        return each[0] if each else ()
    return tuple(name for name in each[0] if all(name in names for names in each))


def paired(differences: Sequence[float | str]) -> tuple[Spread | None, str]:
    """Return the spread of the known differences, and the reason why others are missing.

    Args:
        differences: The difference of each seed, or the reason why it is missing, as `difference` returns them.
    """
    known = spread([value for value in differences if not isinstance(value, str)])
    reasons = [value for value in differences if isinstance(value, str)]
    return known, missing_reason(reasons, nothing_known=known is None)


def missing_reason(reasons: Sequence[str], *, nothing_known: bool) -> str:
    """Return the reason why a difference over seeds is missing, or a part of it; empty if a seed is merely missing."""
    if OTHER_LANGUAGES in reasons:
        return OTHER_LANGUAGES
    return NOT_THERE if nothing_known and reasons else ""


def by_group(rows: Sequence[CellRow]) -> Mapping[tuple[str, str, str], list[CellRow]]:
    """Return the rows by (model, method, intermediate), in the order of the sweep."""
    groups: dict[tuple[str, str, str], list[CellRow]] = {}
    for row in rows:
        groups.setdefault((row.cell.model, row.cell.method, row.cell.intermediate), []).append(row)
    return groups
