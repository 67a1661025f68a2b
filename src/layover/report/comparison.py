"""The comparison of two sweeps: which scores changed, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from layover.plan.nodes import Group
from layover.records import Record
from layover.report.gains import Compared, family_axes, family_name, findings
from layover.report.rows import CellRow
from layover.report.seed_scores import difference_of
from layover.statistics import Finding


@dataclass(frozen=True)
class Change:
    """One group of seeds in two sweeps."""

    name: Group
    before: float | None
    """The mean score of the first sweep, over the seeds that both have; None without one."""
    after: float | None
    seeds: int
    """The number of seeds that both sweeps have."""
    finding: Finding | None
    """The difference, second minus first; None if there is none."""
    reason: str
    """The reason why there is no difference, or `unchanged` if both sweeps have the same trainings and scores."""
    family: int = 0
    """Number of comparisons in its family that can be marked; 0 without a difference."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of two sweeps."""

    changes: tuple[Change, ...]
    """The groups that both sweeps have, in the order of the first."""
    before_only: tuple[Group, ...]
    after_only: tuple[Group, ...]
    family: str
    """The comparisons that are one family: `with the same target`."""


UNCHANGED = "unchanged"


def compared(before: Sequence[CellRow], after: Sequence[CellRow]) -> Comparison:
    """Return the comparison; scores are means over all languages.

    Seeds with the same number are paired, and test items, too: the data must be the same. The family is that of the
    first sweep.

    Args:
        before: Rows of the first sweep.
        after: Rows of the second sweep.
    """
    first, second = _groups(before), _groups(after)
    made: dict[Group, tuple[Change, Compared | None]] = {
        name: _change(name, first[name], second[name]) for name in first if name in second
    }
    known = findings(before, {name: each for name, (_, each) in made.items() if each is not None})
    changes = {
        name: replace(change, finding=known[name][0], family=known[name][1]) if name in known else change
        for name, (change, _) in made.items()
    }
    return Comparison(
        tuple(changes[name] for name in made),
        tuple(name for name in first if name not in second),
        tuple(name for name in second if name not in first),
        family_name(family_axes(before)),
    )


def _groups(rows: Sequence[CellRow]) -> dict[Group, dict[int, CellRow]]:
    """Return the rows by group and seed; a cell that does not depend on a seed has one."""
    groups: dict[Group, dict[int, CellRow]] = {}
    for row in rows:
        members = groups.setdefault(row.cell.group, {})
        if row.cell.seeded or not members:
            members[row.cell.seed] = row
    return groups


def _change(name: Group, before: Mapping[int, CellRow], after: Mapping[int, CellRow]) -> tuple[Change, Compared | None]:
    """Return the change of a group without its finding, and what is compared."""
    pairs = _pairs(before, after)
    scored = [(old, new) for old, new in pairs if old.record is not None and new.record is not None]
    first, second = (_mean([pair[side].value for pair in scored]) for side in (0, 1))
    reason = _reason(pairs, scored)
    change = Change(name, first, second, len(scored), None, reason)
    if reason:
        return change, None
    cells = [
        ((new.record, new.items), (old.record, old.items))
        for old, new in scored
        if old.record is not None and new.record is not None
    ]
    seeded = all(row.cell.seeded for row in after.values()), all(row.cell.seeded for row in before.values())
    difference = difference_of(cells, scored[0][0].metric, zero_shot=False, seeded=seeded)
    return change, Compared(difference, tuple((old.cell.score, new.cell.score) for old, new in scored))


def _pairs(before: Mapping[int, CellRow], after: Mapping[int, CellRow]) -> list[tuple[CellRow, CellRow]]:
    """Return the cells with the same seed; a cell that does not depend on a seed has every seed of the other side."""
    old, new = (rows if all(row.cell.seeded for row in rows.values()) else None for rows in (before, after))
    if old is None:
        (alone,) = before.values()
        return [(alone, row) for row in after.values()]
    if new is None:
        (alone,) = after.values()
        return [(row, alone) for row in before.values()]
    return [(old[seed], new[seed]) for seed in old if seed in new]


def _reason(pairs: Sequence[tuple[CellRow, CellRow]], scored: Sequence[tuple[CellRow, CellRow]]) -> str:
    """Return the reason why two groups have no difference; empty if they have one."""
    if not scored:
        return "missing" if pairs else "no seed in common"
    reasons = {
        UNCHANGED: all(before.cell.score == after.cell.score for before, after in scored),
        "no language has a score": not all(row.record and row.record.scored() for pair in scored for row in pair),
        "another metric": any(before.metric != after.metric for before, after in scored),
        "other test data": any(_data(before.record) != _data(after.record) for before, after in scored),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _data(record: Record | None) -> object:
    """Return the source and the counts of the scored data of each scored language."""
    if record is None:
        return None
    if record.sources is None:
        return {name: record.examples.get(name) for name in record.scored()}
    counts = {} if record.rows is None else record.rows.scored
    return {
        name: (record.sources.scored.get(name), record.examples.get(name), counts.get(name)) for name in record.scored()
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
