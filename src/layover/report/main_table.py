"""The main table: model x method x intermediate against targets, with paired differences.

A paired difference is this cell minus the other cell, for each seed that both cells have; then mean and standard
deviation over these seeds. `none` is the same method without an intermediate. `full` is full fine-tuning with the same
intermediate. Both cells must be scored over the same languages. A missing difference has a reason in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layover.records import Record
from layover.report.rows import CellRow, Spread, by_group, difference, over_seeds, paired, without_repeats

MISSING = "missing"
NOTHING = "–"
NO_SEED = "no seed"
"""In place of a number of seeds, if nothing is trained."""


@dataclass(frozen=True)
class TableEntry:
    """One group of seeds on one target."""

    score: Spread | None
    to_none: Spread | None
    to_full: Spread | None
    planned: int
    """Number of seeds of the sweep; the score may have fewer."""
    failures: tuple[str, ...]
    none_gap: str = ""
    """Reason why the planned difference to no intermediate is missing, for all seeds or for some."""
    full_gap: str = ""
    """Reason why the planned difference to full fine-tuning is missing, for all seeds or for some."""
    over: str = ""
    """The languages of the score, if seeds have different languages."""
    seeded: bool = True
    """False if nothing is trained: then the result does not depend on the seed."""


def entries(rows: Sequence[CellRow], baseline: str | None) -> dict[tuple[str, str, str], dict[str, TableEntry]]:
    """Return the entries by (model, method, intermediate) and target."""
    full_records = {
        (row.cell.model, row.cell.intermediate, row.cell.target, row.cell.seed): row.record
        for row in reversed(rows)
        if row.cell.method == baseline
    }
    table: dict[tuple[str, str, str], dict[str, TableEntry]] = {}
    for group, members in by_group(rows).items():
        targets = dict.fromkeys(row.cell.target for row in members)
        for target in targets:
            target_rows = [row for row in members if row.cell.target == target]
            table.setdefault(group, {})[target] = _entry(target_rows, full_records, group[1] == baseline)
    return table


def _entry(
    rows: list[CellRow], full_records: dict[tuple[str, str, str, int], Record | None], is_full: bool
) -> TableEntry:
    rows = without_repeats(rows)
    seeded = rows[0].cell.seeded
    to_none = [difference(row.record, row.baseline, row.metric) for row in rows if row.cell.baseline is not None]
    to_full = []
    for row in rows if not is_full and seeded else ():  # without training all methods are the same
        place = (row.cell.model, row.cell.intermediate, row.cell.target, row.cell.seed)
        if place in full_records:
            to_full.append(difference(row.record, full_records[place], row.metric))
    (none, none_gap), (full, full_gap) = paired(to_none), paired(to_full)
    score, over = over_seeds([row.record for row in rows if row.record is not None], rows[0].metric)
    return TableEntry(
        score=score,
        to_none=none,
        to_full=full,
        planned=len(rows),
        failures=tuple(row.failure for row in rows if row.failure is not None),
        none_gap=none_gap,
        full_gap=full_gap,
        seeded=seeded,
        over=over,
    )


def cells(rows: Sequence[CellRow], baseline: str | None) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the lines of the table as text."""
    targets = list(dict.fromkeys(row.cell.target for row in rows))
    headers = ["model", "method", "intermediate", *(_heading(rows, target) for target in targets)]
    lines = []
    for group, by_target in entries(rows, baseline).items():
        lines.append([*group, *(text(by_target.get(target)) for target in targets)])
    return headers, lines


def _heading(rows: Sequence[CellRow], target: str) -> str:
    """Return the heading of a target, for example `xnli accuracy (3/15 languages)` if 12 languages have no score."""
    target_rows = [row for row in rows if row.cell.target == target]
    counts = {(len(row.record.scored()), len(row.record.languages)) for row in target_rows if row.record is not None}
    if not counts:
        return f"{target} {target_rows[0].metric}"
    scored, total = min(counts)
    share = f"{total}" if scored == total else f"{scored}/{total}"
    return f"{target} {target_rows[0].metric} ({share} languages)"


def text(entry: TableEntry | None) -> str:
    """Return a score with its differences and its number of seeds: `71.2 ± 0.4 (none +1.3; n=2 of 3)`.

    A planned difference that is missing has a reason: `none –, missing`.
    """
    if entry is None:
        return NOTHING
    if entry.score is None:
        return "failed" if entry.failures else entry.over or MISSING
    parts = [entry.score.text(), *([entry.over] if entry.over else [])]
    for name, delta, gap in (("none", entry.to_none, entry.none_gap), ("full", entry.to_full, entry.full_gap)):
        if delta is not None:
            pairs = f" over {delta.seeds()}" if delta.count < entry.score.count else ""
            parts.append(f"{name} {delta.text(plus=True)}{pairs}{f', others {gap}' if gap else ''}")
        elif gap:
            parts.append(f"{name} {NOTHING}, {gap}")
    seeds = f"n={entry.score.count}" + (f" of {entry.planned}" if entry.score.count < entry.planned else "")
    if not entry.seeded:
        seeds = NO_SEED
    return f"{parts[0]} ({'; '.join([*parts[1:], seeds])})"
